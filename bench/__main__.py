from __future__ import annotations

import sys

from bench import boards, fit, followup, imports, sla
from bench.path import plan as path
from bench.scoring import parts as scoring
from cli.answer import tell_events

BENCHES = {
    "boards": boards.main,
    "fit": fit.main,
    "followup": followup.main,
    "imports": imports.main,
    "path": path.main,
    "scoring": scoring.main,
    "sla": sla.main,
}

tell_events()
WITH_ARGUMENTS = {"boards": boards.main, "path": path.main, "scoring": scoring.main}

if sys.argv[1:2] and sys.argv[1] in WITH_ARGUMENTS:
    WITH_ARGUMENTS[sys.argv[1]](sys.argv[2:])
    sys.exit()
for name in sys.argv[1:] or BENCHES:
    if name not in BENCHES:
        sys.exit(f"there is no bench {name}; there are {', '.join(BENCHES)}")
    BENCHES[name]()
