package ascua;

import static ascua.Powers.units;
import static ascua.Rules.*;

import java.util.Arrays;

/** A lead in memory: what it has seen, what it counts, and how long its band surely stays. */
final class Lead {
    static final long NEVER = Long.MAX_VALUE;
    static final int REMEMBERED_SIGNALS = 256;
    static final long[] NONE = new long[0];
    String name;
    int told, band, episode;
    long asOf = -NEVER, alarm = NEVER, newest = Long.MIN_VALUE;
    // Signals: times and marks from `first` on, `signals` of them, ascending.
    int first, signals;
    long[] times = NONE, marks = NONE;
    // Aggregates, mostly one: name, and the sequences seen (the watermark, then those above the hole).
    long[] aggregates = NONE;
    long[][] seen = new long[0][];
    final Count[] counts = new Count[COUNTERS];
    // Outlook.
    boolean hasOutlook;
    double room, outRoom, outAlarm, need, reserve, melted, melting, warming, cooling;
    long outAt, warmingHalf, coolingHalf, meltingHalf;
    // The worker's.
    boolean isChanged;
    Object context;

    boolean rememberSignal(long at, long mark) {
        int end = first + signals;
        long[] marks = this.marks;
        for (int i = first; i < end; i++) if (marks[i] == mark) return false;
        if (end == times.length) room();
        end = first + signals;
        if (signals == 0 || at > times[end - 1]) {
            times[end] = at;
            this.marks[end] = mark;
        } else {
            int place = first;
            while (place < end && (times[place] < at || times[place] == at && Long.compareUnsigned(this.marks[place], mark) < 0)) place++;
            if (place == first && signals == REMEMBERED_SIGNALS) return true;
            System.arraycopy(times, place, times, place + 1, end - place);
            System.arraycopy(this.marks, place, this.marks, place + 1, end - place);
            times[place] = at;
            this.marks[place] = mark;
        }
        if (signals == REMEMBERED_SIGNALS) first++;
        else signals++;
        return true;
    }

    private void room() {
        int size = Math.max(8, Math.min(signals * 2, signals + REMEMBERED_SIGNALS));
        long[] newTimes = first > 0 && first >= REMEMBERED_SIGNALS / 2 ? times : new long[size];
        long[] newMarks = newTimes == times ? marks : new long[size];
        System.arraycopy(times, first, newTimes, 0, signals);
        System.arraycopy(marks, first, newMarks, 0, signals);
        times = newTimes;
        marks = newMarks;
        first = 0;
    }

    boolean rememberSequence(long aggregate, long sequence) {
        int i = 0;
        while (i < aggregates.length && aggregates[i] != aggregate) i++;
        if (i == aggregates.length) {
            aggregates = Arrays.copyOf(aggregates, i + 1);
            aggregates[i] = aggregate;
            seen = Arrays.copyOf(seen, i + 1);
            seen[i] = sequence == 1 ? new long[] {1} : new long[] {0, sequence};
            return true;
        }
        long[] seen = this.seen[i];
        if (sequence == seen[0] + 1) {
            seen[0] = sequence;
            int gone = 0;
            while (gone + 1 < seen.length && seen[gone + 1] == seen[gone] + 1) gone++;
            if (gone > 0) this.seen[i] = Arrays.copyOfRange(seen, gone, seen.length);
            return true;
        }
        if (sequence <= seen[0]) return false;
        int place = Arrays.binarySearch(seen, sequence);
        if (place >= 0) return false;
        place = -place - 1;
        long[] more = new long[seen.length + 1];
        System.arraycopy(seen, 0, more, 0, place);
        more[place] = sequence;
        System.arraycopy(seen, place, more, place + 1, seen.length - place);
        this.seen[i] = more;
        return true;
    }

    void count(int counter, long at) {
        long half = CODE_HALF_LIFE[counter], bucket = at / half, more = units(at % half, half);
        Count count = counts[counter];
        if (count == null) {
            count = counts[counter] = new Count();
            count.bucket = bucket;
            count.lo = more;
        } else {
            count.add(bucket, more);
        }
        if (at > newest) newest = at;
    }

    boolean keeps(double weight) {
        if (!hasOutlook) return false;
        if (weight > 0.0) {
            warm(room - weight, asOf);
            room = outRoom;
        } else {
            need += -weight;
            outAlarm = Math.min(outAlarm, fall());
        }
        if (outAlarm < alarm) alarm = (long) outAlarm;
        return alarm > asOf;
    }

    private void warm(double left, long at) {
        double nowMelted = melting * (1.0 - MARGIN - Math.pow(2.0, (double) (outAt - at) / meltingHalf));
        double room = left - reserve;
        if (nowMelted > melted) {
            room += nowMelted - melted;
            melted = nowMelted;
        }
        give(room);
    }

    private double fall() {
        return need > 0.0 ? outAt + lasts(warming, warmingHalf, need) : INF;
    }

    private void give(double room) {
        outRoom = room;
        reserve = 0.0;
        if (room > 0.0) return;
        double missing = cooling + room;
        if (missing > 0.0) {
            outRoom = missing / 2;
            reserve = missing / 2 - room;
            outAlarm = Math.min(outAlarm, outAt + lasts(cooling, coolingHalf, reserve));
        } else {
            outAlarm = outAt;
        }
    }

    void outlook(double[] points, int mask) {
        double warm = 0, cool = 0, melt = 0;
        long warmHalf = 3650 * DAY, coolHalf = 3650 * DAY, meltHalf = 1;
        for (int cell = 0; cell < CELLS; cell++) {
            if ((mask & 1 << cell) == 0 || !PLAIN[cell]) continue;
            double found = points[cell], cap = CAP[cell];
            long half = HALF[cell];
            if (found > 0.0) {
                warm += Math.min(found, cap);
                warmHalf = Math.min(warmHalf, half);
                if (found < cap) {
                    melt += found;
                    meltHalf = Math.max(meltHalf, half);
                }
            } else {
                cool -= Math.max(found, -cap);
                coolHalf = Math.min(coolHalf, half);
            }
        }
        double warmSure = warm, coolSure = cool;
        if ((mask & OFFERS) != 0) {
            double up = 0, down = 0;
            for (int cell = OFFER; cell <= OFFER + 1; cell++)
                if ((mask & 1 << cell) != 0) {
                    if (points[cell] > 0) up += points[cell];
                    else down -= points[cell];
                }
            double heldUp = Math.min(up, OFFER_CAP), heldDown = Math.min(down, OFFER_CAP);
            boolean isMixed = up > 0 && down > 0 && (up > OFFER_CAP || down > OFFER_CAP);
            warm += heldUp;
            cool += heldDown;
            warmSure += isMixed ? 0 : heldUp;
            coolSure += isMixed ? 0 : heldDown;
            warmHalf = coolHalf = HALF_LIVES[0];
        }
        hasOutlook = true;
        outAt = asOf;
        need = (band == 0 ? -INF : LEAVE[band]) + cool;
        warming = warmSure;
        warmingHalf = warmHalf;
        cooling = coolSure;
        coolingHalf = coolHalf;
        melting = melt;
        meltingHalf = meltHalf;
        melted = 0.0;
        outAlarm = fall();
        give((band == 2 ? INF : ENTER[band + 1]) - warm - MARGIN);
        room = outRoom;
    }

    static final double MARGIN = 1e-9, LOG2 = Math.log(2.0);

    static double lasts(double points, long half, double need) {
        if (points <= need) return 0.0;
        return Math.max(0.0, Math.floor(half * (Math.log(points / need) / LOG2) * (1.0 - MARGIN)) - 1.0);
    }
}
