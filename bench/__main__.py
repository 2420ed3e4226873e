from __future__ import annotations

import sys

from bench import fit, followup, imports, path
from bench.scoring import parts as scoring
from services.cli.answer import tell_events

BENCHES = {
    "fit": fit.main,
    "followup": followup.main,
    "imports": imports.main,
    "path": path.main,
    "scoring": scoring.main,
}

tell_events()
if sys.argv[1:2] == ["scoring"]:
    scoring.main(sys.argv[2:])
    sys.exit()
for name in sys.argv[1:] or BENCHES:
    if name not in BENCHES:
        sys.exit(f"there is no bench {name}; there are {', '.join(BENCHES)}")
    BENCHES[name]()
