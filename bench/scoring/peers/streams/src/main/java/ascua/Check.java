package ascua;

import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** `Check FACTS FOUND`: the fold without Kafka; crossings as they come, then the heat of every lead by its name. */
public final class Check {
    public static void main(String[] args) throws Exception {
        Scoring scoring = new Scoring();
        Records records = new Records();
        Fact fact = new Fact();
        List<Scoring.Crossing> crossings = new ArrayList<>();
        Map<String, Lead> leads = new TreeMap<>();
        try (OutputStream out = new BufferedOutputStream(new FileOutputStream(args[1]))) {
            for (String line : Files.readAllLines(Path.of(args[0]))) {
                int tab = line.indexOf('\t');
                String name = line.substring(0, tab);
                fact.read(line.substring(tab + 1).getBytes(StandardCharsets.UTF_8));
                Lead lead = leads.computeIfAbsent(name, key -> new Lead());
                lead.name = name;
                scoring.takeIn(lead, fact, crossings);
                for (Scoring.Crossing each : crossings) write(out, records.crossing(name, each, "0"));
                crossings.clear();
            }
            for (Lead lead : leads.values()) {
                lead.told = 1;
                write(out, records.heat(lead, "0"));
            }
        }
    }

    private static void write(OutputStream out, byte[] record) throws java.io.IOException {
        out.write(record);
        out.write('\n');
    }
}
