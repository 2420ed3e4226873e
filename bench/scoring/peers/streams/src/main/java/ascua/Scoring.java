package ascua;

import static ascua.Lead.NEVER;
import static ascua.Powers.scale;
import static ascua.Rules.*;

import java.util.ArrayDeque;
import java.util.List;

/** What a fact means to a lead's heat, and which crossings there are to send: services/scoring/processor/decisions.py. */
final class Scoring {
    /** A crossing to send. */
    record Crossing(int episode, long at, double heat, int band, boolean isUp) {}

    private final double[] sums = new double[CELLS], parts = new double[CELLS + 2], unit = new double[HALF_LIVES.length];
    /** Points by cell as last read, and which cells have any. */
    final double[] points = new double[CELLS];
    int mask;

    /** The sums of a lead's counts at its newest fact, by cell. */
    void readSums(Lead lead) {
        int found = 0;
        Count[] counts = lead.counts;
        for (int i = 0; i < COUNTERS; i++) {
            Count count = counts[i];
            int cell = CODE_CELL[i];
            if (count == null || cell < 0) continue;
            double worth = CODE_WEIGHT[i] * count.all();
            int shift = (int) (count.bucket - lead.newest / CODE_HALF_LIFE[i]);
            if (shift != 0) worth = Math.scalb(worth, shift);
            sums[cell] = (found & 1 << cell) != 0 ? sums[cell] + worth : worth;
            found |= 1 << cell;
        }
        mask = found;
    }

    void pointsAt(long newest, long at, double[] points) {
        long instant = Math.max(at, newest);
        for (int i = 0; i < 3; i++) {
            long half = HALF_LIVES[i], bucket = instant / half, elapsed = bucket - newest / half;
            double one = scale(instant % half, half);
            unit[i] = elapsed == 0 ? one : elapsed < 960 ? Math.scalb(one, (int) elapsed) : INF;
        }
        for (int cell = 0; cell < CELLS; cell++)
            points[cell] = (mask & 1 << cell) != 0 ? sums[cell] / unit[HALF_LIFE_OF[cell]] : 0.0;
    }

    double total(double[] points) {
        int n = 0;
        for (int cell = 0; cell < CELLS; cell++)
            if ((mask & 1 << cell) != 0 && PLAIN[cell]) parts[n++] = Math.max(-CAP[cell], Math.min(CAP[cell], points[cell]));
        if ((mask & OFFERS) != 0)
            parts[n++] = Math.max(-OFFER_CAP, Math.min(OFFER_CAP, points[OFFER] + points[OFFER + 1]));
        double score = fsum(parts, n);
        return score > 0.0 ? score : 0.0;
    }

    private final double[] partials = new double[32];

    /** A correctly rounded sum, as Python's math.fsum. */
    private double fsum(double[] all, int number) {
        double[] p = partials;
        int n = 0;
        for (int k = 0; k < number; k++) {
            double x = all[k];
            int i = 0;
            for (int j = 0; j < n; j++) {
                double y = p[j];
                if (Math.abs(x) < Math.abs(y)) {
                    double t = x;
                    x = y;
                    y = t;
                }
                double hi = x + y, lo = y - (hi - x);
                if (lo != 0.0) p[i++] = lo;
                x = hi;
            }
            p[i] = x;
            n = i + 1;
        }
        if (n == 0) return 0.0;
        double hi = p[--n], lo = 0.0;
        while (n > 0) {
            double x = hi, y = p[--n];
            hi = x + y;
            lo = y - (hi - x);
            if (lo != 0.0) break;
        }
        if (n > 0 && (lo < 0.0 && p[n - 1] < 0.0 || lo > 0.0 && p[n - 1] > 0.0)) {
            double y = lo * 2.0, x = hi + y;
            if (y == x - hi) hi = x;
        }
        return hi;
    }

    static int bandOf(int previous, double points) {
        double keep = LEAVE[previous], enter = previous == 2 ? INF : ENTER[previous + 1];
        if (keep <= points && points < enter) return previous;
        for (int level = 2; level > 0; level--) if (points >= (level <= previous ? LEAVE[level] : ENTER[level])) return level;
        return 0;
    }

    private void look(Lead lead, long instant, List<Crossing> told) {
        lead.asOf = instant;
        lead.alarm = NEVER;
        readSums(lead);
        pointsAt(lead.newest, instant, points);
        double score = total(points);
        int before = lead.band;
        lead.band = bandOf(before, score);
        lead.outlook(points, mask);
        if (lead.outAlarm < lead.alarm) lead.alarm = (long) lead.outAlarm;
        if (lead.band != before && told != null)
            told.add(new Crossing(++lead.episode, instant, score, lead.band, lead.band > before));
    }

    /** Let happen what time alone brings about up to an instant. */
    void settle(Lead lead, long until, List<Crossing> told) {
        while (lead.alarm <= until) {
            long before = lead.asOf;
            int number = told.size();
            look(lead, lead.alarm, told);
            if (told.size() > number || lead.alarm == NEVER || lead.alarm - lead.asOf > (lead.asOf - before) / 8) continue;
            lead.alarm = nextChange(lead);
        }
    }

    private long nextChange(Lead lead) {
        double keep = LEAVE[lead.band], enter = lead.band == 2 ? INF : ENTER[lead.band + 1];
        readSums(lead);
        long newest = lead.newest, start = lead.asOf;
        double[] now = new double[CELLS];
        pointsAt(newest, start, now);
        double found = total(now);
        if (!(keep <= found && found < enter)) return start;
        start = Math.max(start, newest);
        long horizon = start + 1200 * HALF_LIVES[2], length = HALF_LIVES[0];
        while (start < horizon) {
            long change = firstOutside(keep, enter, newest, start, start + length);
            if (change != NEVER) return change;
            start += length;
            length *= 2;
        }
        return NEVER;
    }

    private record Stretch(long start, double[] atStart, long end, double[] atEnd) {}

    private long firstOutside(double keep, double enter, long newest, long from, long to) {
        ArrayDeque<Stretch> stretches = new ArrayDeque<>();
        double[] low = new double[CELLS], high = new double[CELLS], first = new double[CELLS], last = new double[CELLS];
        pointsAt(newest, from, first);
        pointsAt(newest, to, last);
        stretches.push(new Stretch(from, first, to, last));
        while (!stretches.isEmpty()) {
            Stretch one = stretches.pop();
            for (int cell = 0; cell < CELLS; cell++) {
                low[cell] = Math.min(one.atStart[cell], one.atEnd[cell]);
                high[cell] = Math.max(one.atStart[cell], one.atEnd[cell]);
            }
            if (total(low) >= keep && total(high) < enter) continue;
            if (one.end - one.start > 1) {
                long middle = (one.start + one.end) / 2;
                double[] atMiddle = new double[CELLS];
                pointsAt(newest, middle, atMiddle);
                stretches.push(new Stretch(middle, atMiddle, one.end, one.atEnd));
                stretches.push(new Stretch(one.start, one.atStart, middle, atMiddle));
            } else {
                double score = total(one.atEnd);
                if (!(keep <= score && score < enter)) return one.end;
            }
        }
        return NEVER;
    }

    /** Fold a fact; whether it was new. Crossings to tell are added. */
    boolean takeIn(Lead lead, Fact fact, List<Crossing> crossings) {
        long effect = fact.effect();
        if (lead.alarm <= effect) settle(lead, effect, crossings);
        Step step = fact.step;
        if (fact.isSignal) {
            if (step.counters().length == 0 || !lead.rememberSignal(fact.atFact, fact.mark)) return false;
        } else if (!lead.rememberSequence(fact.aggregate, fact.sequence)) {
            return false;
        }
        for (int counter : step.counters()) lead.count(counter, fact.atFact);
        if (effect > lead.asOf) lead.asOf = effect;
        double weight = step.heat();
        boolean isSettled;
        if (weight > 0.0 && lead.room > weight && lead.hasOutlook) {
            lead.room -= weight;
            isSettled = true;
        } else {
            isSettled = weight == 0.0 || lead.keeps(weight);
        }
        if (!isSettled) look(lead, lead.asOf, fact.isHistory() ? null : crossings);
        return true;
    }
}
