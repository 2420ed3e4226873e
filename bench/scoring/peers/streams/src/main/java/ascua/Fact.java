package ascua;

import static ascua.Text.ODD;
import static ascua.Text.instant;
import static ascua.Text.isAggregate;
import static ascua.Text.isName;
import static ascua.Text.isValue;
import static ascua.Text.isWord;
import static ascua.Text.mark;

import ascua.Rules.Step;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A fact, read into one object again and again. */
final class Fact {
    private record Known(long name, byte[] text, boolean isActivity, Step step) {}

    private static final Known[] KNOWN = new Known[1024];

    long mark, atFact, recorded, aggregate, sequence;
    boolean isSignal;
    Step step;

    long effect() {
        return isHistory() ? recorded : atFact;
    }

    boolean isHistory() {
        return recorded - atFact > Rules.DAY;
    }

    // What a value's text is: from where, and how long.
    private byte[] in;
    private int at, from, length;

    /** Read what scoring's own encoder wrote: ASCII without escapes or blanks. Raises Odd for anything else. */
    void read(byte[] value) {
        in = value;
        at = 0;
        sequence = 0;
        int had = 0;
        boolean isActivity = false;
        int kindFrom = 0, kindLength = 0;
        expect('{');
        do {
            text();
            int name = from, size = length;
            expect(':');
            switch (size << 8 | in[name]) {
                case 11 << 8 | 's' -> {
                    text();
                    if (!is(name, "specversion") || length != 3 || in[from] != '1' || in[from + 1] != '.' || in[from + 2] != '0') throw ODD;
                    had |= 1;
                }
                case 2 << 8 | 'i' -> {
                    text();
                    if (!is(name, "id") || length < 1 || length > 128) throw ODD;
                    mark = mark(in, from, length);
                    had |= 2;
                }
                case 6 << 8 | 's' -> {
                    text();
                    if (!is(name, "source") || length == 0) throw ODD;
                    had |= 4;
                }
                case 4 << 8 | 't' -> {
                    text();
                    if (is(name, "type")) {
                        if (length == 24 && is(from, "ascua.signal.received.v1")) isActivity = false;
                        else if (length == 24 && is(from, "ascua.activity.logged.v1")) isActivity = true;
                        else throw ODD;
                        had |= 8;
                    } else if (is(name, "time")) {
                        time(from, length);
                        had |= 16;
                    } else throw ODD;
                }
                case 7 << 8 | 's' -> {
                    text();
                    if (!is(name, "subject") || !isName(in, from, length)) throw ODD;
                    had |= 32;
                }
                case 12 << 8 | 'r' -> {
                    text();
                    if (!is(name, "recordedtime")) throw ODD;
                    recorded = (had & 16) != 0 && length == timeLength && Arrays.equals(in, from, from + length, in, timeFrom, timeFrom + length) ? atMs : instant(in, from, length);
                    had |= 64;
                }
                case 9 << 8 | 'a' -> {
                    text();
                    if (!is(name, "aggregate") || !isAggregate(in, from, length)) throw ODD;
                    aggregate = mark(in, from, length);
                    had |= 128;
                }
                case 8 << 8 | 's' -> {
                    if (!is(name, "sequence")) throw ODD;
                    sequence = whole();
                    if (sequence < 1) throw ODD;
                    had |= 256;
                }
                case 4 << 8 | 'd' -> {
                    if (!is(name, "data")) throw ODD;
                    expect('{');
                    do {
                        text();
                        int inner = from, innerSize = length;
                        expect(':');
                        switch (innerSize << 8 | in[inner]) {
                            case 4 << 8 | 'k' -> {
                                text();
                                if (!is(inner, "kind") || !isWord(in, from, length, 40)) throw ODD;
                                if ((had & 1024) == 0) {
                                    kindFrom = from;
                                    kindLength = length;
                                }
                            }
                            case 6 << 8 | 'r' -> {
                                text();
                                if (!is(inner, "result")) throw ODD;
                                kindFrom = from;
                                kindLength = length;
                                had |= 1024;
                            }
                            case 10 << 8 | 'a' -> {
                                if (!is(inner, "attributes")) throw ODD;
                                expect('{');
                                int number = 0;
                                do {
                                    text();
                                    if (++number > 8 || !isWord(in, from, length, 32)) throw ODD;
                                    expect(':');
                                    text();
                                    if (!isValue(in, from, length)) throw ODD;
                                } while (in[at++] == ',');
                                if (in[at - 1] != '}') throw ODD;
                            }
                            case 11 << 8 | 'a' -> {
                                text();
                                if (!is(inner, "activity_id") || !isName(in, from, length)) throw ODD;
                            }
                            case 3 << 8 | 'r' -> {
                                text();
                                if (!is(inner, "rep") || length > 64) throw ODD;
                            }
                            case 16 << 8 | 'd' -> {
                                if (!is(inner, "duration_seconds")) throw ODD;
                                whole();
                            }
                            default -> throw ODD;
                        }
                    } while (in[at++] == ',');
                    if (in[at - 1] != '}') throw ODD;
                    had |= 512;
                }
                case 15 << 8 | 'd', 10 << 8 | 'd', 12 << 8 | 'p', 13 << 8 | 'c', 11 << 8 | 'c', 11 << 8 | 't' -> text();
                default -> throw ODD;
            }
        } while (in[at++] == ',');
        if (in[at - 1] != '}' || at != in.length || kindLength == 0) throw ODD;
        if (had != (isActivity ? 2047 : 1023 & ~(128 | 256))) throw ODD;
        isSignal = !isActivity;
        atFact = atMs;
        step = stepOf(isActivity, kindFrom, kindLength);
    }

    private long atMs;
    private int timeFrom, timeLength;

    private void time(int from, int length) {
        atMs = instant(in, from, length);
        timeFrom = from;
        timeLength = length;
    }

    private boolean is(int from, String name) {
        byte[] in = this.in;
        for (int i = 0; i < name.length(); i++) if (in[from + i] != name.charAt(i)) return false;
        return true;
    }

    private void expect(char what) {
        if (in[at++] != what) throw ODD;
    }

    private void text() {
        byte[] in = this.in;
        int at = this.at;
        if (in[at++] != '"') throw ODD;
        int from = at;
        for (;; at++) {
            byte c = in[at];
            if (c == '"') break;
            if (c < 32 || c == '\\') throw ODD;
        }
        this.from = from;
        this.length = at - from;
        this.at = at + 1;
    }

    private long whole() {
        long value = 0;
        int from = at;
        while (in[at] >= '0' && in[at] <= '9') value = value * 10 + in[at++] - '0';
        if (at == from || at - from > 15 || in[from] == '0' && at - from > 1) throw ODD;
        return value;
    }

    private Step stepOf(boolean isActivity, int from, int length) {
        long name = mark(in, from, length) ^ (isActivity ? 1 : 0);
        Known known = KNOWN[(int) name & KNOWN.length - 1];
        if (known != null && known.name == name && Arrays.equals(known.text, 0, known.text.length, in, from, from + length) && known.isActivity == isActivity) return known.step;
        String text = new String(in, from, length, StandardCharsets.ISO_8859_1);
        Step step = Rules.step((isActivity ? "activity." : "signal.") + text);
        KNOWN[(int) name & KNOWN.length - 1] = new Known(name, Arrays.copyOfRange(in, from, from + length), isActivity, step);
        return step;
    }
}
