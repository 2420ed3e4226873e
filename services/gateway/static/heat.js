// Heat as it was told, and what it is later: as `HeatChanged` says it, and `decayed` in shared/events/scoring.py.

export function heatAt({ at, base, parts, groups }, instant) {
  const elapsed = Math.max(0, (instant - Date.parse(at)) / 1_000);
  const faded = (some) => some.reduce((sum, [halfLife, points]) => sum + points * 2 ** (-elapsed / halfLife), 0);
  if (!groups) return Math.max(0, (base ?? 0) + faded(parts));
  const sums = groups.map(() => 0);
  let whole = base ?? 0;
  groups.forEach(({ parts: own, cap, within }, place) => {
    const limit = cap ?? Infinity;
    const held = Math.max(-limit, Math.min(limit, sums[place] + faded(own)));
    if (within == null) whole += held;
    else sums[within] += held;
  });
  return Math.max(0, whole);
}
