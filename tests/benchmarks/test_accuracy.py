"""The estimator's errors on rows it was not fitted on, and that the stored folds leave out what they say."""

from app.benchmarks.accuracy import coverage, fold_groups, load_folds, load_rows, predicted, widths
from app.estimate.constants import CONSTANTS, fitted
from tools.accuracy import failures, main


def test_errors_on_left_out_pairs_stay_within_what_was_reached() -> None:
    assert failures() == []


def test_the_gate_closes_when_a_physical_term_is_taken_out() -> None:
    folds = load_folds()
    for kind in folds.values():
        for constants in kind.values():
            constants["interleave"], constants["layer_experts"] = 1e-9, 1e-9
    try:
        assert failures()
        assert main() == 1
    finally:
        load_folds.cache_clear()


def test_the_stated_range_holds_what_it_says() -> None:
    rows = load_rows()
    for kind in ("pair", "model", "gpu"):
        for share in coverage(rows, predicted(rows, load_folds(), kind), fitted()["ranges"]).values():
            assert 0.75 <= share <= 0.85


def test_the_shipped_ranges_are_those_of_the_folds() -> None:
    assert widths(load_rows(), load_folds()) == fitted()["ranges"]


def test_every_row_is_left_out_once_and_no_fold_shares_a_pair_with_its_fit() -> None:
    rows = load_rows()
    for kind in ("pair", "model", "gpu"):
        groups = fold_groups(rows, kind)
        assert sorted(i for members in groups.values() for i in members) == list(range(len(rows)))
        names = [{getattr(rows[i], kind) for i in members} for members in groups.values()]
        assert sum(map(len, names)) == len(set().union(*names))
        assert set(load_folds()[kind]) == set(groups)


def test_every_constant_is_fitted_and_stays_near_what_is_expected_of_it() -> None:
    constants = fitted()["constants"]
    assert set(constants) == {constant.name for constant in CONSTANTS}
    for constant in CONSTANTS:
        assert 1 / 8 < constants[constant.name] / constant.expected < 8, constant.name
        if constant.unit == "share" and constant.name != "first_step":
            assert 0 < constants[constant.name] <= 1, constant.name
