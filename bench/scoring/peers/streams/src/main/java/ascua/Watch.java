package ascua;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Runs from the first fact on; stops with the commit that holds the last. Seconds, and seconds of processor time. */
final class Watch {
    private static final OperatingSystemMXBean OS = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    final long events, mark;
    long count, commits, heats, crossings, duplicates;
    private double began, cpuBegan, atMark, cpuMark;

    Watch(long events) {
        this.events = events;
        this.mark = events * 3 / 10;
    }

    static double now() {
        return System.nanoTime() / 1e9;
    }

    static double cpu() {
        return OS.getProcessCpuTime() / 1e9;
    }

    /** Count one fact that is at hand. True when it is the last. */
    boolean count() {
        if (count == 0) {
            began = now();
            cpuBegan = cpu();
        } else if (count == mark) {
            atMark = now();
            cpuMark = cpu();
        }
        return ++count == events;
    }

    void committed() {
        commits++;
        if (count < events || atMark == 0) return;
        double ended = now(), cpu = cpu();
        String rss = "0", most = "0";
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
                if (line.startsWith("VmRSS:")) rss = line.replaceAll("[^0-9]", "");
                if (line.startsWith("VmHWM:")) most = line.replaceAll("[^0-9]", "");
            }
        } catch (java.io.IOException error) {
            // not Linux
        }
        System.out.printf(
            "{\"began\":%.6f,\"ended\":%.6f,\"cpu\":%.6f,\"rate_late\":%.1f,\"cpu_late\":%.4f,\"rss_kb\":%s,\"rss_most_kb\":%s,"
                + "\"commits\":%d,\"heats\":%d,\"crossings\":%d,\"duplicates\":%d,\"jit_ms\":%d,\"gc_ms\":%d}%n",
            began, ended, cpu - cpuBegan, (events - mark) / (ended - atMark), (cpu - cpuMark) / (events - mark) * 1e6, rss, most,
            commits, heats, crossings, duplicates, ManagementFactory.getCompilationMXBean().getTotalCompilationTime(),
            ManagementFactory.getGarbageCollectorMXBeans().stream().mapToLong(each -> each.getCollectionTime()).sum());
        System.out.flush();
        atMark = 0;
    }
}
