package ascua;

import java.nio.ByteOrder;

/** What texts in a record may be, and what they say. */
final class Text {
    /** A record that was not written as scoring's own encoder writes it. */
    static final class Odd extends RuntimeException {
        Odd() {
            super("odd", null, false, false);
        }
    }

    static final Odd ODD = new Odd();

    static final java.lang.invoke.VarHandle LONG =
        java.lang.invoke.MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** 64 bits of a name. */
    static long mark(byte[] text, int from, int length) {
        long h = 0x9E3779B97F4A7C15L ^ length;
        int i = from, end = from + length;
        for (; i + 8 <= end; i += 8) h = mix(h, (long) LONG.get(text, i));
        if (i < end) {
            long word = 0;
            for (int k = 0; i < end; k++, i++) word |= (text[i] & 0xffL) << 8 * k;
            h = mix(h, word);
        }
        return last(h);
    }

    private static long mix(long h, long word) {
        return Long.rotateLeft((h ^ word) * 0xC2B2AE3D27D4EB4FL, 31) * 0x165667B19E3779F9L;
    }

    private static long last(long h) {
        h = (h ^ h >>> 33) * 0xFF51AFD7ED558CCDL;
        h = (h ^ h >>> 33) * 0xC4CEB9FE1A85EC53L;
        return h ^ h >>> 33;
    }

    static boolean isName(byte[] text, int from, int length) {
        if (length < 1 || length > 64) return false;
        for (int i = from; i < from + length; i++) {
            byte c = text[i];
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c == '-' || c == '_')) return false;
        }
        return true;
    }

    static boolean isAggregate(byte[] text, int from, int length) {
        int i = from;
        while (i < from + length && text[i] >= 'a' && text[i] <= 'z') i++;
        return i > from && i < from + length && text[i] == ':' && isName(text, i + 1, from + length - i - 1);
    }

    static boolean isWord(byte[] text, int from, int length, int most) {
        if (length < 1 || length > most || text[from] < 'a' || text[from] > 'z') return false;
        for (int i = from + 1; i < from + length; i++) {
            byte c = text[i];
            if (!(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')) return false;
        }
        return true;
    }

    static boolean isValue(byte[] text, int from, int length) {
        if (length < 1 || length > 64 || text[from] < 'a' || text[from] > 'z') return false;
        int digits = 0;
        for (int i = from + 1; i < from + length; i++) {
            byte c = text[i];
            if (c >= '0' && c <= '9') {
                if (++digits == 6) return false;
            } else {
                digits = 0;
                if (!(c >= 'a' && c <= 'z' || c == '_' || c == '/' || c == '.' || c == '-')) return false;
            }
        }
        return true;
    }

    private static int two(byte[] text, int at) {
        int tens = text[at] - '0', ones = text[at + 1] - '0';
        if ((tens | ones | 9 - tens | 9 - ones) < 0) throw ODD;
        return tens * 10 + ones;
    }

    static long instant(byte[] text, int at, int length) {
        if (length != 24 || text[at + 23] != 'Z' || text[at + 10] != 'T' || text[at + 4] != '-' || text[at + 7] != '-'
                || text[at + 13] != ':' || text[at + 16] != ':' || text[at + 19] != '.') throw ODD;
        int year = two(text, at) * 100 + two(text, at + 2), month = two(text, at + 5), day = two(text, at + 8);
        int hour = two(text, at + 11), minute = two(text, at + 14), second = two(text, at + 17);
        int milli = two(text, at + 20) * 10 + text[at + 22] - '0';
        if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59
                || text[at + 22] < '0' || text[at + 22] > '9') throw ODD;
        return millis(year, month, day, hour, minute, second, milli);
    }

    private static long millis(int year, int month, int day, int hour, int minute, int second, int milli) {
        int y = month <= 2 ? year - 1 : year, era = y / 400, ofEra = y - era * 400;
        int ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        long days = era * 146097L + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468;
        return ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milli;
    }

    private Text() {}
}
