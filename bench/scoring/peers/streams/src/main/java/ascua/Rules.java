package ascua;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The rules, as `bench.scoring.streams` writes them down: cells of heat, counters, and what each kind counts for. */
final class Rules {
    static final double INF = Double.POSITIVE_INFINITY;
    static final long DAY = 86_400_000L;
    static final String[] BANDS = {"cold", "warm", "hot"};
    static final double[] ENTER = {-INF, 25, 60}, LEAVE = {-INF, 20, 50};
    static final long[] HALF_LIVES = {2 * DAY, 7 * DAY, 30 * DAY};
    static final double OFFER_CAP = 40;

    static final String VERSION;
    /** Cells: what belongs to one group and fades together. Those that are not plain are the two of the group `offer`. */
    static final int CELLS, OFFER;
    static final long[] HALF;
    static final double[] CAP;
    static final boolean[] PLAIN;
    static final int[] HALF_LIFE_OF;
    static final int OFFERS;
    /** Of each group in the rules' order, and of the whole at last: its cap and its cells. */
    static final double[] GROUP_CAP;
    static final int[][] GROUP;
    static final int COUNTERS;
    static final int[] CODE, CODE_CELL;
    static final long[] CODE_HALF_LIFE;
    static final double[] CODE_WEIGHT;

    record Step(int[] counters, double heat) {}

    private static final Map<String, Step> STEPS = new HashMap<>();
    private static final Step PASSED = new Step(new int[0], 0.0);

    static {
        List<String[]> cells = new ArrayList<>(), groups = new ArrayList<>(), codes = new ArrayList<>(), kinds = new ArrayList<>();
        String version = "";
        try (BufferedReader in = new BufferedReader(
                new InputStreamReader(Rules.class.getResourceAsStream("/rules.txt"), StandardCharsets.US_ASCII))) {
            for (String line; (line = in.readLine()) != null; ) {
                String[] words = line.split(" ");
                switch (words[0]) {
                    case "version" -> version = words[1];
                    case "cell" -> cells.add(words);
                    case "group" -> groups.add(words);
                    case "counter" -> codes.add(words);
                    default -> kinds.add(words);
                }
            }
        } catch (IOException error) {
            throw new ExceptionInInitializerError(error);
        }
        VERSION = version;
        CELLS = cells.size();
        HALF = new long[CELLS];
        CAP = new double[CELLS];
        PLAIN = new boolean[CELLS];
        HALF_LIFE_OF = new int[CELLS];
        int offer = -1;
        for (int cell = 0; cell < CELLS; cell++) {
            String[] words = cells.get(cell);
            HALF[cell] = Long.parseLong(words[1]);
            CAP[cell] = cap(words[2]);
            PLAIN[cell] = words[3].equals("plain");
            if (!PLAIN[cell] && offer < 0) offer = cell;
            for (int i = 0; i < HALF_LIVES.length; i++) if (HALF_LIVES[i] == HALF[cell]) HALF_LIFE_OF[cell] = i;
        }
        GROUP_CAP = new double[groups.size()];
        GROUP = new int[groups.size()][];
        for (int group = 0; group < GROUP.length; group++) {
            String[] words = groups.get(group);
            GROUP_CAP[group] = cap(words[1]);
            GROUP[group] = new int[words.length - 2];
            for (int i = 2; i < words.length; i++) GROUP[group][i - 2] = Integer.parseInt(words[i]);
        }
        OFFER = offer;
        OFFERS = 1 << OFFER | 1 << OFFER + 1;
        COUNTERS = codes.size();
        CODE = new int[COUNTERS];
        CODE_HALF_LIFE = new long[COUNTERS];
        CODE_CELL = new int[COUNTERS];
        CODE_WEIGHT = new double[COUNTERS];
        Map<String, Integer> place = new HashMap<>();
        for (int i = 0; i < COUNTERS; i++) {
            String[] words = codes.get(i);
            place.put(words[1], i);
            CODE[i] = (int) Long.parseLong(words[1]);
            CODE_HALF_LIFE[i] = Long.parseLong(words[2]);
            CODE_CELL[i] = Integer.parseInt(words[3]);
            CODE_WEIGHT[i] = Double.parseDouble(words[4]);
        }
        for (String[] words : kinds) {
            int[] counters = new int[words.length - 3];
            for (int i = 0; i < counters.length; i++) counters[i] = place.get(words[3 + i]);
            STEPS.put(words[1], new Step(counters, Double.parseDouble(words[2])));
        }
    }

    private static double cap(String word) {
        return word.equals("inf") ? INF : Double.parseDouble(word);
    }

    static Step step(String kind) {
        return STEPS.getOrDefault(kind, PASSED);
    }

    private Rules() {}
}
