package ascua;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** Powers of two that every machine computes alike: see services/scoring/scorecard/counts.py. */
final class Powers {
    static final int STEP_BITS = 12;
    static final double STEPS_D = 1 << STEP_BITS, STEP_D = 0.6931471805599453 / STEPS_D, UNIT = 0x1p40;
    static final double[] POWERS = table(0), UNITS = table(40);

    static double[] table(int unitBits) {
        BigInteger root = BigInteger.TWO.shiftLeft(128);
        List<BigInteger> powers = List.of(BigInteger.ONE.shiftLeft(128));
        for (int i = 0; i < STEP_BITS; i++) {
            root = root.shiftLeft(128).sqrt();
            List<BigInteger> next = new ArrayList<>(powers.size() * 2);
            for (BigInteger power : powers) {
                next.add(power);
                next.add(power.multiply(root).shiftRight(128));
            }
            powers = next;
        }
        double[] table = new double[powers.size()];
        for (int i = 0; i < table.length; i++) table[i] = Math.scalb(powers.get(i).doubleValue(), unitBits - 128);
        return table;
    }

    static double scale(long part, long whole) {
        double steps = (double) part / whole * STEPS_D;
        int step = (int) steps;
        double rest = (steps - step) * STEP_D;
        return POWERS[step] * (1.0 + rest * (1.0 + rest * (0.5 + rest / 6.0))) * UNIT;
    }

    static long units(long part, long whole) {
        double steps = (double) part / whole * STEPS_D;
        int step = (int) steps;
        double rest = (steps - step) * STEP_D;
        return (long) (UNITS[step] * (1.0 + rest * (1.0 + rest * (0.5 + rest / 6.0))) + 0.5);
    }

    private Powers() {}
}
