"""Mutants by number, in processes that may die: what each came to, its time and its memory."""

from __future__ import annotations

import json
import multiprocessing as mp
import random
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tests.fuzz.mutate import bend
from tests.fuzz.seeds import Seed, write_seeds
from tests.fuzz.targets import examine

SLOW_S = 5.0
"""Longer than this is a hang."""
GIVEN_UP_S = 60.0
"""After this the process is ended."""
MOST_BYTES = 600 << 20
"""Resident memory of the reading process."""
MOST_CODEC_BYTES = 1200 << 20
"""Resident memory of a codec process."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant; ``trouble`` is empty where every promise was kept."""

    number: int
    seed: str
    bent: str
    verdict: str
    seconds: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A bent file: ``data`` in place of the seed's file, ``bent`` says how."""

    number: int
    seed: Seed
    data: bytes
    bent: str


@dataclass(slots=True)
class Report:
    """Outcomes of a run."""

    outcomes: list[Outcome] = field(default_factory=list)
    peak_bytes: int = 0
    codec_bytes: int = 0
    seconds: float = 0.0

    @property
    def troubles(self) -> list[Outcome]:
        """Mutants that broke a promise."""
        return [o for o in self.outcomes if o.trouble]

    @property
    def verdicts(self) -> Counter[str]:
        """How often each code or word came up."""
        return Counter(word for o in self.outcomes for word in o.verdict.split())


def make(seeds: list[Seed], base: int, number: int) -> Mutant:
    """The mutant of a number."""
    rng = random.Random(f"{base}/{number}")  # noqa: S311  # the same on every machine
    seed = seeds[number % len(seeds)]
    others = [one.bytes for one in seeds if one.kind == seed.kind]
    data, bent = bend(seed.bytes, rng, others, seed.kind)
    return Mutant(number, seed, data, bent)


def run(numbers: Iterable[int], *, base: int, jobs: int = 2) -> Iterator[tuple[Outcome, int, int]]:
    """Each mutant's outcome with the peak memory so far (reading, codec), in bytes."""
    with tempfile.TemporaryDirectory(prefix="netimg-fuzz-") as folder:
        root = Path(folder)
        write_seeds(root / "seeds")
        todo = iter(numbers)
        busy = [_Worker(root, base) for _ in range(jobs)]
        busy = [worker for worker in busy if worker.next(todo)]
        while busy:
            ready = wait([w.pipe for w in busy], timeout=1.0)
            for worker in list(busy):
                if worker.pipe in ready or worker.seconds > GIVEN_UP_S:
                    yield worker.outcome()
                    if not worker.next(todo):
                        busy.remove(worker)
                        worker.close()


class _Worker:
    """One process that reads mutants, replaced when it dies."""

    def __init__(self, root: Path, base: int) -> None:
        self.root, self.base = root, base
        self.number = -1
        self._start()

    def _start(self) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self.root, self.base))
        self.process.start()
        theirs.close()
        self.pipe.recv()  # imports are done

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since

    def next(self, todo: Iterator[int]) -> bool:
        number = next(todo, None)
        if number is None:
            return False
        self.number, self.since = number, time.monotonic()
        self.pipe.send(number)
        return True

    def outcome(self) -> tuple[Outcome, int, int]:
        if not self.pipe.poll():
            return self._lost(f"still busy after {self.seconds:.0f} s")
        try:
            tree, peak, codec = self.pipe.recv()
        except EOFError:
            self.process.join(1.0)
            return self._lost(f"the process ended with {self.process.exitcode}")
        return Outcome(**tree), peak, codec

    def _lost(self, trouble: str) -> tuple[Outcome, int, int]:
        self.process.kill()
        self.process.join()
        lost = Outcome(self.number, "", "", "", round(self.seconds, 3), trouble)
        self._start()
        return lost, 0, 0

    def close(self) -> None:
        self.pipe.send(None)
        self.process.join()


def _work(pipe: Connection, root: Path, base: int) -> None:
    # The seeds are written once more, since their bytes must not depend on another process.
    with tempfile.TemporaryDirectory(dir=root) as own:
        seeds = write_seeds(Path(own) / "seeds")
        pipe.send("ready")
        while (number := pipe.recv()) is not None:
            outcome = _one(make(seeds, base, number), Path(own))
            peak = _peak_bytes()
            codec = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
            pipe.send((asdict(outcome), peak, codec))


def _peak_bytes() -> int:
    """Highest resident memory of this program; `ru_maxrss` would begin with its parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def _one(mutant: Mutant, own: Path) -> Outcome:
    """Read one mutant in a copy of its folder."""
    seed, folder = mutant.seed, own / "mutant"
    shutil.copytree(seed.folder, folder)
    file = folder / seed.file.relative_to(seed.folder)
    file.write_bytes(mutant.data)
    begun = time.monotonic()
    verdict, trouble = "", ""
    try:
        verdict = examine(seed.kind, folder, file)
    except BaseException:  # noqa: BLE001  # whatever comes out is what we are looking for
        trouble = traceback.format_exc(limit=-6)
    seconds = time.monotonic() - begun
    shutil.rmtree(folder)
    if not trouble and seconds > SLOW_S:
        trouble = f"took {seconds:.1f} s"
    return Outcome(mutant.number, seed.name, mutant.bent, verdict, round(seconds, 3), trouble)


def keep(folder: Path, outcome: Outcome, base: int) -> None:
    """Write a find down: the bytes of the mutant and what happened."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own:
        found = make(write_seeds(Path(own) / "seeds"), base, outcome.number)
        (folder / f"{outcome.number}-{found.seed.file.name}").write_bytes(found.data)
    (folder / f"{outcome.number}.json").write_text(json.dumps(asdict(outcome), indent=1))
