package ascua;

import java.math.BigInteger;
import java.util.Arrays;

/** Units of the newest bucket and of older ones, each in two longs. */
final class Count {
    static final int KEPT_HALF_LIVES = 64;

    long bucket, lo, hi;
    double faded;
    int olders;
    long[] olderBucket, olderLo, olderHi;

    void add(long at, long more) {
        if (at == bucket) {
            lo += more;
            if (Long.compareUnsigned(lo, more) < 0) hi++;
            return;
        }
        if (at > bucket) {
            put(bucket, lo, hi);
            bucket = at;
            lo = more;
            hi = 0;
            int kept = 0;
            for (int i = 0; i < olders; i++)
                if (olderBucket[i] >= at - KEPT_HALF_LIVES) {
                    olderBucket[kept] = olderBucket[i];
                    olderLo[kept] = olderLo[i];
                    olderHi[kept++] = olderHi[i];
                }
            olders = kept;
        } else if (at >= bucket - KEPT_HALF_LIVES) {
            put(at, more, 0);
        }
        settle();
    }

    /** Add to an older bucket; they stand in ascending order. */
    private void put(long at, long moreLo, long moreHi) {
        int i = 0;
        while (i < olders && olderBucket[i] < at) i++;
        if (i < olders && olderBucket[i] == at) {
            olderLo[i] += moreLo;
            olderHi[i] += moreHi + (Long.compareUnsigned(olderLo[i], moreLo) < 0 ? 1 : 0);
            return;
        }
        if (olderBucket == null || olders == olderBucket.length) grow(olders + 2);
        System.arraycopy(olderBucket, i, olderBucket, i + 1, olders - i);
        System.arraycopy(olderLo, i, olderLo, i + 1, olders - i);
        System.arraycopy(olderHi, i, olderHi, i + 1, olders - i);
        olderBucket[i] = at;
        olderLo[i] = moreLo;
        olderHi[i] = moreHi;
        olders++;
    }

    void grow(int size) {
        if (olderBucket == null) {
            olderBucket = new long[size];
            olderLo = new long[size];
            olderHi = new long[size];
        } else if (olderBucket.length < size) {
            olderBucket = Arrays.copyOf(olderBucket, size);
            olderLo = Arrays.copyOf(olderLo, size);
            olderHi = Arrays.copyOf(olderHi, size);
        }
    }

    private void settle() {
        faded = 0.0;
        if (olders == 0) return;
        long oldest = olderBucket[0];
        BigInteger whole = BigInteger.ZERO;
        for (int i = 0; i < olders; i++)
            whole = whole.add(big(olderLo[i], olderHi[i]).shiftLeft((int) (olderBucket[i] - oldest)));
        faded = Math.scalb(whole.doubleValue(), (int) (oldest - bucket));
    }

    static BigInteger big(long lo, long hi) {
        BigInteger low = lo >= 0 ? BigInteger.valueOf(lo) : BigInteger.valueOf(lo).add(BigInteger.ONE.shiftLeft(64));
        return hi == 0 ? low : low.add(BigInteger.valueOf(hi).shiftLeft(64));
    }

    double all() {
        return (hi == 0 && lo >= 0 ? (double) lo : big(lo, hi).doubleValue()) + faded;
    }
}
