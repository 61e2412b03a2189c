# Seeds until decided: after each look at the results, undecided rows may get more seeds. Networks that were trained
# elsewhere do not take part.
from dst_robustness.jobs.progress import measured_seconds
from dst_robustness.study import decide

PLAN = STUDY.decide
LOOKS = f"{RESULTS}/looks"
ROWS = decide.rows_of(WHOLE.listed_here, STUDY.baseline)


def decisions_at(seeds):
    """Return the decisions of the look after so many seeds. This waits for the look."""
    return decide.read_decisions(checkpoints.look.get(seeds=seeds).output[0])


def runs_at(seeds):
    """Return the runs for the look after so many seeds. This waits for the look before."""
    before = [count for count in PLAN.looks if count < seeds]
    decisions = decisions_at(before[-1]) if before else {}
    return decide.runs_needed(WHOLE.listed_here, decide.seeds_needed(ROWS, decisions, seeds))


def decided_runs():
    """Return all runs of the study. This waits for its last look."""
    for seeds in PLAN.looks:
        decisions = decisions_at(seeds)
        if decide.is_last(PLAN, decisions, seeds):
            seeds = {row: one["seeds"] for row, one in decisions.items()}
            return decide.runs_needed(WHOLE.listed_here, seeds) + runs_taken()


def looks_so_far():
    return list(decide.looks_so_far(PLAN, Path(LOOKS)))


def runs_taken():
    return [run for run in WHOLE.listed_runs if run.folder in WHOLE.taken]


def runs_so_far():
    """Return the runs that are known to be needed now, finished or not."""
    if PLAN is None:
        return WHOLE.listed_runs
    looks = looks_so_far()
    seeds, decisions = looks[-1] if looks else (PLAN.first, {})
    seeds = decide.seeds_needed(ROWS, decisions, decide.next_look(PLAN, looks) or seeds)
    return decide.runs_needed(WHOLE.listed_here, seeds) + runs_taken()


def look_to_come():
    """Return the next look that is to be taken. `all` asks for it, since tables of fewer looks or of fixed seeds may be
    there, which Snakemake would take for the end."""
    following = decide.next_look(PLAN, looks_so_far()) if PLAN else None
    return [f"{LOOKS}/{following}.json"] if following else []


def hours_of(run):
    """Return the job hours of a network by the jobs measured so far, or None if there are none."""
    folder = Path(BENCHMARKS, run.folder).parents[2]
    seconds = [measured_seconds(folder, step) for step in ("train", "evaluate")]
    return None if None in seconds else sum(seconds) / 3600


def what_is_likely():
    """Return how many rows of such a study are decided, and how many networks it will probably need."""
    if PLAN is None:
        return []
    looks = looks_so_far()
    lines = [decide.standing(decisions, seeds) for seeds, decisions in looks]
    following = decide.next_look(PLAN, looks)
    if following is None:
        return lines
    lines.append(f"The next look is after {following} seeds.")
    likely = decide.forecast(WHOLE.listed_here, ROWS, PLAN, looks[-1][1] if looks else {})
    return [*lines, decide.outlook(likely, Path(RESULTS), hours_of, guessed=not looks)]


checkpoint look:
    """Decide for each row whether it needs more seeds."""
    input:
        predictions=lambda wildcards: files_of(runs_at(int(wildcards.seeds)), "predictions.h5"),
        metrics=lambda wildcards: files_of(runs_at(int(wildcards.seeds)), "metrics.csv"),
        run=lambda wildcards: files_of(runs_at(int(wildcards.seeds)), "run.json"),
    output:
        f"{LOOKS}/{{seeds}}.json",
    log:
        f"{LOGS}/looks/{{seeds}}.log",
    benchmark:
        f"{BENCHMARKS}/looks/{{seeds}}.jsonl"
    wildcard_constraints:
        seeds=any_of(map(str, PLAN.looks)) if PLAN else "NONE",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        plan=PLAN.model_dump() if PLAN else None,
        baseline=STUDY.baseline,
        code=tracked(code.fingerprint("dst_robustness.analysis.summary")),
    message:
        "Look at the results after {wildcards.seeds} seeds"
    script:
        "../scripts/look.py"
