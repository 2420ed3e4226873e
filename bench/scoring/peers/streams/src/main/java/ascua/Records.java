package ascua;

import static ascua.Rules.*;

import ascua.Scoring.Crossing;
import com.fasterxml.jackson.core.io.NumberOutput;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.zip.CRC32;

/** Records of heat, of crossings and of states. */
final class Records {
    private static final int FORMAT = 3;
    private final StringBuilder text = new StringBuilder(1024);

    static String number(double value) {
        return NumberOutput.toString(value, true);
    }

    private static final String[] HALF_TEXT = {"[172800.0,", "[604800.0,", "[2592000.0,"};
    private final Scoring scoring = new Scoring();
    private final double[] fading = new double[HALF_LIVES.length], free = new double[HALF_LIVES.length];

    /** The record of a lead's heat, with its sequence. */
    byte[] heat(Lead lead, String now) {
        double[] points = scoring.points;
        scoring.readSums(lead);
        scoring.pointsAt(lead.newest, lead.asOf, points);
        int mask = scoring.mask, held = 0;
        double heat = scoring.total(points);
        boolean isFree = (mask & OFFERS) == 0;
        for (int cell = 0; cell < CELLS; cell++)
            if ((mask & 1 << cell) != 0 && PLAIN[cell]) {
                isFree &= Math.abs(points[cell]) <= CAP[cell];
                held = add(fading, held, HALF_LIFE_OF[cell], Math.max(-CAP[cell], Math.min(CAP[cell], points[cell])));
            }
        if ((mask & OFFERS) != 0) {
            double offer = points[OFFER] + points[OFFER + 1], share = Math.abs(offer) > OFFER_CAP ? OFFER_CAP / Math.abs(offer) : 1.0;
            for (int cell = OFFER; cell <= OFFER + 1; cell++)
                if ((mask & 1 << cell) != 0) held = add(fading, held, HALF_LIFE_OF[cell], points[cell] * share);
        }
        String name = lead.name;
        StringBuilder text = this.text;
        text.setLength(0);
        text.append("{\"specversion\":\"1.0\",\"id\":\"").append(name).append("/heat/").append(lead.told)
            .append("\",\"source\":\"/ascua/scoring\",\"type\":\"ascua.heat.changed.v1\",\"subject\":\"").append(name)
            .append("\",\"time\":\"");
        time(text, lead.asOf);
        text.append("\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:ascua:schema:ascua.heat.changed.v1\",\"partitionkey\":\"")
            .append(name).append("\",\"recordedtime\":\"").append(now).append("\",\"sequence\":").append(lead.told)
            .append(",\"aggregate\":\"heat:").append(name).append("\",\"data\":{\"heat\":").append(number(heat))
            .append(",\"band\":\"").append(BANDS[lead.band]).append("\",\"rules\":\"").append(VERSION).append("\",\"parts\":");
        parts(fading, held);
        if (!isFree) groups(points, mask);
        text.append("}}");
        return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    /** The groups that their caps hold or may hold, then what is in none of them. */
    private void groups(double[] points, int mask) {
        int inFree = 0, found = 0;
        for (int group = 0; group < GROUP.length; group++) {
            boolean isWhole = group == GROUP.length - 1;
            double most = 0.0;
            for (int cell : GROUP[group]) if ((mask & 1 << cell) != 0) most += Math.abs(points[cell]);
            boolean isHeld = most > GROUP_CAP[group];
            if (isHeld) text.append(found++ == 0 ? ",\"groups\":[{\"parts\":" : ",{\"parts\":");
            double[] into = isHeld ? fading : free;
            int in = isHeld ? 0 : inFree;
            for (int cell : GROUP[group]) if ((mask & 1 << cell) != 0) in = add(into, in, HALF_LIFE_OF[cell], points[cell]);
            if (isHeld) {
                parts(fading, in);
                text.append(",\"cap\":").append(number(GROUP_CAP[group])).append('}');
            } else {
                inFree = in;
            }
            if (isWhole && found > 0) {
                if (inFree != 0) {
                    text.append(",{\"parts\":");
                    parts(free, inFree);
                    text.append('}');
                }
                text.append(']');
            }
        }
    }

    private static int add(double[] sums, int held, int half, double points) {
        sums[half] = (held & 1 << half) != 0 ? sums[half] + points : points;
        return held | 1 << half;
    }

    private void parts(double[] sums, int held) {
        char comma = '[';
        for (int i = 0; i < HALF_LIVES.length; i++)
            if ((held & 1 << i) != 0) {
                text.append(comma).append(HALF_TEXT[i]).append(number(sums[i])).append(']');
                comma = ',';
            }
        text.append(comma == '[' ? "[]" : "]");
    }

    private static final byte[] NAMES = uuidBytes("a2ad0723-b6c6-5fc3-8744-ab794e745f1f");
    private final MessageDigest sha1 = sha1();

    byte[] crossing(String name, Crossing told, String now) {
        String type = !told.isUp() ? "ascua.lead.cooled.v1" : told.band() == 2 ? "ascua.lead.went_hot.v1" : "ascua.lead.warmed.v1";
        StringBuilder text = this.text;
        text.setLength(0);
        text.append(name).append("/heat/").append(told.episode()).append(told.isUp() ? "/up" : "/down");
        sha1.update(NAMES);
        byte[] id = sha1.digest(text.toString().getBytes(StandardCharsets.ISO_8859_1));
        id[6] = (byte) (id[6] & 0x0f | 0x50);
        id[8] = (byte) (id[8] & 0x3f | 0x80);
        text.setLength(0);
        text.append("{\"specversion\":\"1.0\",\"id\":\"");
        for (int i = 0; i < 16; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10) text.append('-');
            text.append(Character.forDigit(id[i] >> 4 & 15, 16)).append(Character.forDigit(id[i] & 15, 16));
        }
        text.append("\",\"source\":\"/ascua/scoring\",\"type\":\"").append(type).append("\",\"subject\":\"").append(name).append("\",\"time\":\"");
        time(text, told.at());
        text.append("\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:ascua:schema:").append(type)
            .append("\",\"partitionkey\":\"").append(name).append("\",\"recordedtime\":\"").append(now).append("\",\"sequence\":")
            .append(told.episode()).append(",\"aggregate\":\"crossing:").append(name)
            .append("\",\"data\":{\"scorecard\":\"heat\",\"episode\":").append(told.episode()).append(",\"heat\":").append(number(told.heat()))
            .append(",\"rules\":\"").append(VERSION).append('"');
        if (!told.isUp()) text.append(",\"band\":\"").append(BANDS[told.band()]).append('"');
        text.append("}}");
        return text.toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static MessageDigest sha1() {
        try {
            return MessageDigest.getInstance("SHA-1");
        } catch (java.security.NoSuchAlgorithmException error) {
            throw new IllegalStateException(error);
        }
    }

    private static byte[] uuidBytes(String text) {
        java.util.UUID uuid = java.util.UUID.fromString(text);
        return ByteBuffer.allocate(16).putLong(uuid.getMostSignificantBits()).putLong(uuid.getLeastSignificantBits()).array();
    }

    static String time(long at) {
        StringBuilder text = new StringBuilder(24);
        time(text, at);
        return text.toString();
    }

    static void time(StringBuilder text, long at) {
        long days = Math.floorDiv(at, DAY), z = days + 719468, era = Math.floorDiv(z, 146097);
        int rest = (int) Math.floorMod(at, DAY), ofEra = (int) (z - era * 146097);
        int y = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
        int ofYear = ofEra - (365 * y + y / 4 - y / 100), mp = (5 * ofYear + 2) / 153;
        int day = ofYear - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
        int year = (int) (y + era * 400) + (month <= 2 ? 1 : 0);
        two(text, year / 100);
        two(text, year % 100);
        text.append('-');
        two(text, month);
        text.append('-');
        two(text, day);
        text.append('T');
        two(text, rest / 3_600_000);
        text.append(':');
        two(text, rest / 60_000 % 60);
        text.append(':');
        two(text, rest / 1000 % 60);
        text.append('.').append((char) ('0' + rest / 100 % 10));
        two(text, rest % 100);
        text.append('Z');
    }

    private static void two(StringBuilder text, int value) {
        text.append((char) ('0' + value / 10)).append((char) ('0' + value % 10));
    }

    private ByteBuffer out = ByteBuffer.allocate(8192).order(ByteOrder.LITTLE_ENDIAN);

    byte[] encode(Lead lead) {
        int size = 256 + lead.signals * 16 + COUNTERS * 32;
        for (long[] seen : lead.seen) size += 10 + seen.length * 8;
        for (Count count : lead.counts) if (count != null) size += count.olders * 17;
        if (out.capacity() < size) out = ByteBuffer.allocate(size * 2).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer out = this.out.clear();
        out.put((byte) FORMAT).putLong(lead.alarm).putLong(lead.asOf).putInt(lead.told);
        out.put((byte) (lead.band | (lead.hasOutlook ? 0x80 : 0))).putInt(lead.episode);
        if (lead.hasOutlook) {
            out.putDouble(lead.room).putDouble(lead.outRoom).putDouble(lead.outAlarm).putDouble(lead.need);
            out.putDouble(lead.reserve).putDouble(lead.melted).putDouble(lead.melting).putDouble(lead.warming);
            out.putDouble(lead.cooling).putLong(lead.outAt).putLong(lead.warmingHalf).putLong(lead.coolingHalf);
            out.putLong(lead.meltingHalf);
        }
        out.putLong(lead.newest).putShort((short) lead.aggregates.length);
        for (int i = 0; i < lead.aggregates.length; i++) {
            out.putLong(lead.aggregates[i]).putShort((short) lead.seen[i].length);
            for (long each : lead.seen[i]) out.putLong(each);
        }
        int signals = lead.signals;
        out.putShort((short) signals);
        out.asLongBuffer().put(lead.times, lead.first, signals).put(lead.marks, lead.first, signals);
        out.position(out.position() + signals * 16);
        for (int i = 0; i < COUNTERS; i++) {
            Count count = lead.counts[i];
            if (count == null) continue;
            out.putInt(CODE[i]).putInt((int) count.bucket).put((byte) (count.olders | (count.hi != 0 ? 0x80 : 0)));
            out.putLong(count.lo).putDouble(count.faded);
            if (count.hi != 0) out.putLong(count.hi);
            for (int k = 0; k < count.olders; k++) {
                out.put((byte) (count.bucket - count.olderBucket[k] | (count.olderHi[k] != 0 ? 0x80 : 0))).putLong(count.olderLo[k]);
                if (count.olderHi[k] != 0) out.putLong(count.olderHi[k]);
            }
        }
        CRC32 crc = new CRC32();
        crc.update(out.array(), 0, out.position());
        out.putInt((int) crc.getValue());
        return Arrays.copyOf(out.array(), out.position());
    }

    static Lead decode(byte[] record) {
        int end = record.length - 4;
        ByteBuffer in = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN);
        CRC32 crc = new CRC32();
        crc.update(record, 0, end);
        if (in.get() != FORMAT || (int) crc.getValue() != in.getInt(end)) throw new IllegalStateException("state-unreadable");
        Lead lead = new Lead();
        lead.alarm = in.getLong();
        lead.asOf = in.getLong();
        lead.told = in.getInt();
        int flags = in.get();
        lead.band = flags & 3;
        lead.episode = in.getInt();
        if ((flags & 0x80) != 0) {
            lead.hasOutlook = true;
            lead.room = in.getDouble();
            lead.outRoom = in.getDouble();
            lead.outAlarm = in.getDouble();
            lead.need = in.getDouble();
            lead.reserve = in.getDouble();
            lead.melted = in.getDouble();
            lead.melting = in.getDouble();
            lead.warming = in.getDouble();
            lead.cooling = in.getDouble();
            lead.outAt = in.getLong();
            lead.warmingHalf = in.getLong();
            lead.coolingHalf = in.getLong();
            lead.meltingHalf = in.getLong();
        }
        lead.newest = in.getLong();
        int aggregates = in.getShort();
        lead.aggregates = new long[aggregates];
        lead.seen = new long[aggregates][];
        for (int i = 0; i < aggregates; i++) {
            lead.aggregates[i] = in.getLong();
            long[] seen = lead.seen[i] = new long[in.getShort()];
            for (int k = 0; k < seen.length; k++) seen[k] = in.getLong();
        }
        int signals = lead.signals = in.getShort();
        lead.times = new long[signals + 1];
        lead.marks = new long[signals + 1];
        in.asLongBuffer().get(lead.times, 0, signals).get(lead.marks, 0, signals);
        in.position(in.position() + signals * 16);
        int place = 0;
        while (in.position() < end) {
            int code = in.getInt();
            while (CODE[place] != code) place++;
            Count count = lead.counts[place] = new Count();
            count.bucket = in.getInt();
            int head = in.get();
            count.lo = in.getLong();
            count.faded = in.getDouble();
            if ((head & 0x80) != 0) count.hi = in.getLong();
            int olders = head & 0x7f;
            if (olders == 0) continue;
            count.olders = olders;
            count.grow(olders + 1);
            for (int k = 0; k < olders; k++) {
                int back = in.get();
                count.olderBucket[k] = count.bucket - (back & 0x7f);
                count.olderLo[k] = in.getLong();
                if ((back & 0x80) != 0) count.olderHi[k] = in.getLong();
            }
        }
        return lead;
    }
}
