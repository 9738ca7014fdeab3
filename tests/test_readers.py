"""Every form in which people write their trainings down gives the same numbers at the same steps."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import logs
from equipoise import RequestError
from equipoise.doctor.examining import examine
from equipoise.doctor.readers import read, read_all, read_columns
from equipoise.doctor.readers.names import name_of
from equipoise.doctor.readers.rows import MOST_ROWS
from equipoise.doctor.trace import Trace

NAMELESS = "log"
"""A form is told by what is in the file, so no file here has a name that says it."""


def written(folder: Path, text: str, name: str = NAMELESS) -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def values(trace: Trace, name: str) -> list[float]:
    return trace.signals[name].values.tolist()


@pytest.mark.parametrize("form", logs.FORMS)
def test_every_form_gives_the_same_losses_at_the_same_steps(form: str, tmp_path: Path) -> None:
    trace = read(written(tmp_path, logs.FORMS[form]()))
    rows = logs.course()
    step_of = logs.STEP_OF.get(form, lambda row: row.step)
    for name, wanted in (("d_loss", [row.d for row in rows]), ("g_loss", [row.g for row in rows])):
        assert trace.signals[name].steps.tolist() == [step_of(row) for row in rows]
        assert values(trace, name) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("form", ["dcgan", "tutorial", "csv", "notebook"])
def test_cross_entropy_is_told_by_its_scores(form: str, tmp_path: Path) -> None:
    trace = read(written(tmp_path, logs.FORMS[form]()))
    assert trace.game is not None and trace.game.key == "bce"
    assert any("fits cross-entropy" in gap for gap in trace.unknown)
    assert values(trace, "d_real") == [row.real for row in logs.course()]
    assert values(trace, "d_fake") == [row.fake for row in logs.course()]


def test_the_mean_of_two_parts_is_told_from_their_sum(tmp_path: Path) -> None:
    halved = [(row.step, row.d / 2, row.real, row.fake) for row in logs.course()]
    text = "step,d_loss,D(x),D(G(z))\n" + "\n".join(",".join(map(str, row)) for row in halved)
    trace = read(written(tmp_path, text))
    assert values(trace, "d_loss") == pytest.approx([row.d for row in logs.course()])
    assert any("doubled" in gap for gap in trace.unknown)
    assert values(read(tmp_path / NAMELESS, loss="hinge"), "d_loss")[0] == pytest.approx(halved[0][1])


def test_swapped_labels_are_said_and_not_turned_round(tmp_path: Path) -> None:
    rows = [(step, -np.log(0.9) - np.log(0.95), 0.1, 0.95) for step in range(20)]
    trace = read_columns(dict(zip(("step", "d_loss", "D(x)", "D(G(z))"), zip(*rows, strict=True), strict=True)))
    assert any("each other's labels" in gap for gap in trace.unknown)
    assert values(trace, "d_real")[0] == 0.1 and trace.game is None


def test_a_critic_that_is_sure_from_the_first_row_on_is_cross_entropys(tmp_path: Path) -> None:
    """The notes' own failure: D(x) and D(G(z)) are printed as 1.0000 and 0.0000, so their logarithms say nothing."""
    line = "[{}/60][{}/14]\tLoss_D: 0.0000\tLoss_G: 4{}.{}\tD(x): 1.0000\tD(G(z)): 0.0000 / 0.0000"
    text = "\n".join(line.format(epoch, batch, epoch % 7, batch) for epoch in range(60) for batch in range(14))
    trace = read(written(tmp_path, text))
    assert trace.game is not None and trace.game.key == "bce"
    assert examine(trace).diagnoses[0].symptom.key == "critic-wins"
    squares = text.replace("Loss_G: 4", "Loss_G: 0.4").replace("0.4", "0.9")
    assert read(written(tmp_path, squares)).game is None, "a generator's loss below 1 may be that of least squares"


def test_decimal_commas_are_read_in_what_is_printed(tmp_path: Path) -> None:
    wanted = [round(row.d, 4) for row in logs.course()]
    lines = [f"step {1000 * row.step:,} Loss_D: {row.d} Loss_G: {row.g}" for row in logs.course()]
    steps = [line.partition(" Loss")[0] for line in lines]
    commas = [line.partition(" Loss")[2].replace(".", ",") for line in lines]
    text = "\n".join(f"{step} Loss{rest}" for step, rest in zip(steps, commas, strict=True))
    trace = read(written(tmp_path, text))
    assert values(trace, "d_loss") == pytest.approx(wanted)
    assert trace.signals["d_loss"].steps[-1] == 1000 * logs.course()[-1].step, "steps keep their commas of thousands"


def test_what_is_in_hundredths_is_not_taken_for_a_share(tmp_path: Path) -> None:
    text = "\n".join(f"step {row.step} d_loss {row.d} waiting 0.8% g_loss {row.g}" for row in logs.course())
    trace = read(written(tmp_path, text))
    assert "waiting" not in trace.signals
    assert values(trace, "g_loss") == pytest.approx([row.g for row in logs.course()])


@pytest.mark.parametrize(
    "titles",
    [
        "Losses of run 7\n",
        "# lr, 0.0002\n# batch, 64\n\n",
        "# lr=0.0002\n# date: 2026-01-02\n",
        "GAN losses,,;;\n",
        "Exported 2026-01-02 10:30\n\n",
    ],
)
@pytest.mark.parametrize("form", ["csv", "excel"])
def test_a_table_is_found_below_its_title(form: str, titles: str, tmp_path: Path) -> None:
    trace = read(written(tmp_path, titles + logs.FORMS[form]()))
    assert values(trace, "d_loss") == pytest.approx([row.d for row in logs.course()], abs=1e-4)
    assert not any("broken" in gap for gap in trace.unknown)


def test_lists_and_layers_that_a_program_prints_are_no_table(tmp_path: Path) -> None:
    """StyleGAN's options end their lines with commas; layers have names of networks and counts."""
    options = 'Training options: {\n  "metrics": [\n    "fid50k_full",\n    "kid50k_full"\n  ]\n}\n'
    layers = "Building networks\nDiscriminator, 11 layers\nGenerator, 13 layers\n"
    for before in (options, layers):
        trace = read(written(tmp_path, before + logs.plain()))
        assert values(trace, "d_loss") == pytest.approx([row.d for row in logs.course()])


def test_epochs_with_a_decimal_comma_are_no_thousands(tmp_path: Path) -> None:
    rows = [f"{row.step / 8:.3f};{row.d:.4f}".replace(".", ",") for row in logs.course()]
    trace = read(written(tmp_path, "\n".join(["epoch;d_loss", *rows])))
    assert values(trace, "d_loss") == pytest.approx([row.d for row in logs.course()], abs=1e-4)
    assert len(set(trace.signals["d_loss"].steps)) == len(rows)
    assert trace.signals["d_loss"].steps[-1] < 1000 * logs.course()[-1].step / 8


def test_steps_of_another_length_are_refused() -> None:
    with pytest.raises(RequestError, match="which belong together"):
        read_columns({"step": [1, 2], "d_loss": [1.0, 1.1, 1.2]})


def test_steps_of_a_table_have_commas_of_thousands(tmp_path: Path) -> None:
    rows = [f'"{1000 * row.step:,}","{row.d:.4f}","{1234.5 + row.step:,.1f}"' for row in logs.course()]
    trace = read(written(tmp_path, "\n".join(["step,d_loss,fid", *rows])))
    assert trace.signals["d_loss"].steps.tolist() == [1000 * row.step for row in logs.course()]
    assert values(trace, "fid") == [1234.5 + row.step for row in logs.course()]


def test_columns_of_other_lengths_are_spread_evenly(tmp_path: Path) -> None:
    """A loss of each step, and a measure now and then, as programs keep them in lists."""
    rows = logs.course()
    fid = [90.0, 70.0, 60.0, 55.0]
    trace = read_columns({"G_losses": [row.g for row in rows], "D_losses": [row.d for row in rows], "fid": fid})
    assert values(trace, "d_loss") == [row.d for row in rows]
    assert values(trace, "fid") == fid
    assert trace.signals["fid"].steps[-1] == trace.signals["d_loss"].steps[-1]
    assert np.diff(trace.signals["fid"].steps).tolist() == [len(rows) / len(fid)] * (len(fid) - 1)
    assert any("fid has 4 numbers" in gap for gap in trace.unknown)


@pytest.mark.parametrize("mark", [", ", " | "])
def test_printed_lines_with_separators_are_no_table(mark: str, tmp_path: Path) -> None:
    lines = [
        mark.join([f"Epoch {at + 1}/100", f"D Loss: {row.d}", f"G Loss: {row.g}", "PSNR: 20.00"])
        for at, row in enumerate(logs.course())
    ]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert values(trace, "d_loss") == pytest.approx([row.d for row in logs.course()])
    assert len(trace.signals["psnr"]) == len(lines)


def test_nan_between_measures_is_read_as_not_measured(tmp_path: Path) -> None:
    rows = [f"{10 * at},{1.2 + 0.1 * (at % 3)},{50 - at if at % 5 == 0 else 'nan'}" for at in range(40)]
    trace = read(written(tmp_path, "\n".join(["step,d_loss,fid", *rows])))
    assert len(trace.signals["fid"]) == 8
    assert any("read as not measured" in note for note in trace.unknown)
    assert len(trace.signals["d_loss"]) == 40
    ended = [row if at < 20 else row.rpartition(",")[0] + ",nan" for at, row in enumerate(rows)]
    broken = read(written(tmp_path, "\n".join(["step,d_loss,fid", *ended])))
    assert np.isnan(broken.signals["fid"].values[-1]), "a measure that is NaN to the end is broken"


def test_several_runs_in_one_table_are_not_mixed(tmp_path: Path) -> None:
    rows = [f"{at},{1.1 + at % 2 / 10},{9 + at % 3 / 10}" for at in range(40)]
    text = "\n".join(['"Step","good-1 - errD","bad-2 - errD"', *rows])
    with pytest.raises(RequestError, match="several runs, good-1, bad-2"):
        read(written(tmp_path, text))


def test_what_the_loss_was_is_asked_for_where_it_cannot_be_told(tmp_path: Path) -> None:
    path = written(tmp_path, logs.plain())
    trace = read(path)
    assert trace.game is None and any("--loss" in gap for gap in trace.unknown)
    given = read(path, loss="hinge")
    assert given.game is not None and given.game.key == "hinge"
    with pytest.raises(RequestError, match="hing: one of bce"):
        read(path, loss="hing")


def test_of_several_pairs_of_networks_one_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, logs.cycle())
    assert (read(path).pair, read(path).other_pairs) == ("A", ("B",))
    assert values(read(path, phase="B"), "d_loss")[0] == 0.5
    with pytest.raises(RequestError, match="the log has A, B"):
        read(path, phase="C")


def test_pix2pix_prints_losses_under_the_names_of_scores(tmp_path: Path) -> None:
    lines = [
        f"(epoch: 1, iters: {at}, time: 0.1, data: 0.1) G_GAN: 0.8 G_L1: 20 D_real: 0.6 D_fake: 0.7" for at in (1, 2)
    ]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert values(trace, "d_loss") == pytest.approx([1.3, 1.3]) and "d_real" not in trace.signals
    assert values(trace, "g_loss") == [0.8, 0.8]


def test_raw_scores_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    trace = read(written(tmp_path, logs.basicsr()))
    assert values(trace, "score_real")[0] == pytest.approx(logs.course()[0].real + 2)
    assert "d_real" not in trace.signals and values(trace, "lr_d")[0] == 1e-4


def test_a_number_that_is_not_finite_is_kept_where_it_stood(tmp_path: Path) -> None:
    text = logs.dcgan().splitlines()
    text[50] = "[1/4][24/25]\tLoss_D: nan\tLoss_G: inf\tD(x): 0.5\tD(G(z)): 0.5 / 0.5"
    trace = read(written(tmp_path, "\n".join(text)))
    assert np.isnan(trace.signals["d_loss"].values[49]) and trace.signals["d_loss"].steps[49] == 49
    assert np.isinf(trace.signals["g_loss"].values[49])


def test_a_long_log_is_thinned_and_its_first_nan_is_not(tmp_path: Path) -> None:
    count, bad = 20_011, 17_003
    lines = [f"iter {at} d_loss: {'nan' if at >= bad else 0.5} g_loss: 1.0" for at in range(count)]
    losses = read(written(tmp_path, "\n".join(lines))).signals["d_loss"]
    assert MOST_ROWS / 4 < len(losses) < 2 * MOST_ROWS
    assert losses.steps[np.isnan(losses.values)][0] == bad
    assert losses.steps[-1] > count - 20


def test_a_resumed_log_counts_each_step_once(tmp_path: Path) -> None:
    lines = [
        f"step {at} d_loss: {part}.5 g_loss: 1" for part, span in ((0, range(30)), (1, range(20, 40))) for at in span
    ]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert trace.signals["d_loss"].steps.tolist() == list(range(40))
    assert values(trace, "d_loss") == [0.5] * 20 + [1.5] * 20
    assert any("steps go back 1 times" in gap for gap in trace.unknown)


def test_a_measure_between_epochs_stands_at_the_epochs_end(tmp_path: Path) -> None:
    lines = []
    for row in logs.course():
        lines.append(f"[{row.epoch}/4][{row.batch}/25] Loss_D: {row.d} Loss_G: {row.g}")
        lines += [f"FID: {40 - row.epoch}"] * (row.batch == 24) + [f"epoch {row.epoch} recall: 0.{row.epoch}"] * (
            row.batch == 24
        )
    trace = read(written(tmp_path, "\n".join(lines)))
    assert trace.signals["fid"].steps.tolist() == [24, 49, 74, 99]
    assert trace.signals["recall"].steps.tolist() == [25, 50, 75, 100]
    assert trace.steps_an_epoch == 25


def test_epochs_alone_are_said_to_be_guessed(tmp_path: Path) -> None:
    trace = read(written(tmp_path, "epoch,d_loss,g_loss\n" + "".join(f"{at},0.5,1\n" for at in range(1, 11))))
    assert trace.signals["d_loss"].steps.tolist() == [100.0 * at for at in range(1, 11)]
    assert any("each is taken for 100 steps" in gap for gap in trace.unknown)


def test_tables_of_one_run_are_read_together(tmp_path: Path) -> None:
    losses = written(tmp_path, logs.csv(), "X.train.csv")
    measures = written(
        tmp_path, "step,fid,is,f8_recall,f1_8_precision\n20,90,3,0.2,0.3\n80,30,5,0.8,0.7\n", "X.eval.csv"
    )
    trace = read_all([losses, measures])
    assert len(trace.signals["d_loss"]) == 100 and values(trace, "fid") == [90, 30]
    assert values(trace, "recall") == [0.2, 0.8] and values(trace, "precision") == [0.3, 0.7]
    assert "X.train.csv, a table and X.eval.csv, a table" in trace.source


def test_a_packed_log_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / NAMELESS
    path.write_bytes(gzip.compress(logs.csv().encode()))
    assert len(read(path).signals["d_loss"]) == 100


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_any_encoding_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / NAMELESS
    path.write_bytes(("d\u00e9but\n" + logs.dcgan()).encode(encoding))
    assert len(read(path).signals["d_loss"]) == 100


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (
            "d_loss D_loss Loss_D lossD loss_d errD critic_loss Discriminator_Loss dis/loss Loss/D/loss netD_loss D",
            "d_loss",
        ),
        (
            "g_loss G_loss Loss_G errG generator_loss gen_loss l_g_gan G_GAN adv_loss loss/G train/g_loss_epoch",
            "g_loss",
        ),
        ("D(x) d_real", "d_real"),
        ("D(G(z)) d_fake", "d_fake"),
        ("Loss/scores/real out_d_real real_logits D_logits_real", "score_real"),
        ("fid FID fid50k_full eval/fid", "fid"),
        ("f8_recall pr50k3_full_recall coverage", "recall"),
        ("grad_norm_d D/grad_norm critic_gradient_norm", "grad_d"),
        ("lr_d D_lr", "lr_d"),
        ("gp gradient_penalty gp_loss", "penalty"),
        ("ada_p Progress/augment augment_p", "augment_p"),
        ("step global_step iteration iters n_iter total_steps _step", "step"),
    ],
)
def test_many_spellings_have_one_name(labels: str, name: str) -> None:
    assert {label: name_of(label) for label in labels.split()} == dict.fromkeys(labels.split(), name)


@pytest.mark.parametrize(
    "label", ["val_d_loss", "loss", "G_L1", "cycle_A", "best_fid", "Loss/D/reg", "acc", "time", ""]
)
def test_what_only_looks_like_a_signal_has_none(label: str) -> None:
    assert name_of(label) is None


@pytest.mark.parametrize("counter", ["Iter [{}/20000]", "Iteration [{}/200000]"])
def test_what_a_counter_runs_up_to_once_is_no_epoch(counter: str, tmp_path: Path) -> None:
    lines = [f"{counter.format(step)} d_loss: 1.3 g_loss: 0.7" for step in range(100, 20_001, 100)]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert trace.steps_an_epoch is None
    assert trace.signals["d_loss"].steps[-1] == 20_000


@pytest.mark.parametrize(
    "line",
    [
        "FID at step {}: {}",
        "FID score (Step: {}, Using train moments): {}",
        "fid after iteration {} = {}",
    ],
)
def test_a_measure_whose_step_comes_first_is_no_step(line: str, tmp_path: Path) -> None:
    lines = [f"step {step} d_loss: 1.3 g_loss: 0.7\n{line.format(step, 45.5)}" for step in range(500, 5001, 500)]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert set(values(trace, "fid")) == {45.5}
    assert trace.signals["fid"].steps.tolist() == list(range(500, 5001, 500))


def test_a_number_with_a_name_of_its_own_is_no_measures(tmp_path: Path) -> None:
    lines = [f"FID at step {step}, d_loss: 0.7 g_loss: 0.9" for step in range(500, 5001, 500)]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert "fid" not in trace.signals and set(values(trace, "d_loss")) == {0.7}


def test_rows_of_measures_alone_hold_no_losses() -> None:
    """As a frame has them that was read from a table with empty cells."""
    steps = list(range(0, 5000, 100))
    measured = [step % 1000 == 900 for step in steps]
    nan = float("nan")
    losses = [nan if is_measured else 1.3 for is_measured in measured]
    table = {"step": steps, "d_loss": losses, "g_loss": losses, "fid": [40.0 if there else nan for there in measured]}
    trace = read_columns(table)
    assert np.isfinite(trace.signals["d_loss"].values).all() and len(trace.signals["fid"]) == 5
    assert examine(trace).verdict != "ill"
    table["d_loss"] = [nan if step == 2000 else 1.3 for step in steps]
    assert np.isnan(read_columns(table).signals["d_loss"].values).sum() == 1, "that is one of a loss"


@pytest.mark.parametrize("form", ["{0},{1},1.3,0.7", "Epoch {0}, Batch {1}, D Loss: 1.3, G Loss: 0.7"])
def test_batches_without_a_total_are_steps_of_an_epoch(form: str, tmp_path: Path) -> None:
    lines = [form.format(epoch, batch) for epoch in range(5) for batch in range(0, 900, 100)]
    header = ["epoch,batch,d_loss,g_loss"] if form.startswith("{0},{1},1") else []
    trace = read(written(tmp_path, "\n".join(header + lines)))
    assert trace.signals["d_loss"].steps[-1] == 4 * 800 + 800


def test_a_batch_that_stays_the_same_is_its_size(tmp_path: Path) -> None:
    rows = [f"{epoch},64,1.3,0.7" for epoch in range(20)]
    trace = read(written(tmp_path, "\n".join(["epoch,batch,d_loss,g_loss", *rows])))
    assert len(trace.signals["d_loss"]) == 20 and trace.signals["d_loss"].steps[-1] > 64


def test_of_means_over_epochs_and_steps_the_steps_are_read(tmp_path: Path) -> None:
    rows = [f"{step},{'0.9' if step % 1000 == 0 else ''},{1 + step % 7 / 10}" for step in range(0, 5000, 50)]
    text = "\n".join(["step,d_loss_epoch,d_loss_step", *rows])
    trace = read(written(tmp_path, text))
    assert len(trace.signals["d_loss"]) == 100
    assert any("'d_loss_epoch' was left out" in note for note in trace.unknown)
    columns = read_columns({"step": [1, 2, 3], "d_loss_epoch": [0.9] * 3, "d_loss_step": [1.0, 1.1, 1.2]})
    assert values(columns, "d_loss") == [1.0, 1.1, 1.2]


def test_of_a_log_that_was_begun_anew_nothing_of_the_first_run_is_kept(tmp_path: Path) -> None:
    first = [f'{{"step": {step}, "d_loss": 1.3, "fid": {step / 100}}}' for step in range(0, 20_000, 100)]
    again = [f'{{"step": {step}, "d_loss": 1.2}}' for step in range(0, 900, 100)]
    trace = read(written(tmp_path, "\n".join(first + again)))
    assert "fid" not in trace.signals and set(values(trace, "d_loss")) == {1.2}
    assert any("200 rows are of an earlier run" in note for note in trace.unknown)


def test_a_run_that_was_begun_anew_has_its_own_beginning(tmp_path: Path) -> None:
    """Its first measure comes after its first losses: these are the run's too."""
    lines = []
    for loss, num_steps in ((1.3, 20_000), (1.2, 5_000)):
        for step in range(0, num_steps, 100):
            lines.append(f'{{"step": {step}, "d_loss": {loss}}}')
            if step % 1000 == 900:
                lines.append(f'{{"step": {step}, "fid": {step / 100}}}')
    trace = read(written(tmp_path, "\n".join(lines)))
    assert trace.signals["d_loss"].steps[0] == 0 and set(values(trace, "d_loss")) == {1.2}
    assert trace.signals["fid"].steps.tolist() == [900, 1900, 2900, 3900, 4900]


def test_what_a_new_run_measures_before_its_first_loss_is_its_own(tmp_path: Path) -> None:
    lines = []
    for num_steps in (20_000, 5_000):
        for step in range(0, num_steps, 100):
            lines += [f'{{"step": {step}, "fid": {300 - step / 100}}}'] if step % 1000 == 0 else []
            lines.append(f'{{"step": {step}, "d_loss": 1.3}}')
        lines.append(f'{{"step": {num_steps}, "fid": 50}}')
    trace = read(written(tmp_path, "\n".join(lines)))
    assert trace.signals["fid"].steps.tolist() == [0, 1000, 2000, 3000, 4000, 5000]
    assert trace.signals["d_loss"].steps.tolist() == list(range(0, 5_000, 100))


def test_a_run_that_went_on_from_its_first_checkpoint_was_not_begun_anew(tmp_path: Path) -> None:
    steps = [*range(0, 20_001, 1000), *range(1000, 30_001, 1000)]
    trace = read(written(tmp_path, "\n".join(f'{{"step": {step}, "d_loss": 1.3}}' for step in steps)))
    assert trace.signals["d_loss"].steps.tolist() == list(range(0, 30_001, 1000))


def test_a_run_that_went_on_from_an_early_checkpoint_keeps_what_came_before_it(tmp_path: Path) -> None:
    steps = [*range(100, 50_001, 100), *range(10_100, 90_001, 100)]
    trace = read(written(tmp_path, "\n".join(f'{{"step": {step}, "d_loss": 1.3}}' for step in steps)))
    assert trace.signals["d_loss"].steps.tolist() == list(range(100, 90_001, 100))
    assert not any("earlier run" in note for note in trace.unknown)


@pytest.mark.parametrize(
    "options", ["Namespace(num_iters=200000, g_lr=0.0001, d_lr=0.0001)", "n_epochs: 200\nlr: 1e-4"]
)
def test_printed_options_are_no_rows(options: str, tmp_path: Path) -> None:
    lines = [options, *(f"step {step} d_loss: 1.3 g_loss: 0.7" for step in range(100, 2001, 100))]
    assert read(written(tmp_path, "\n".join(lines))).last_step == 2000


def test_two_losses_of_the_critic_beside_one_of_the_generator_are_its_parts(tmp_path: Path) -> None:
    lines = [f">{at}, {at}/234, d1=0.6{at % 10}, d2=0.7 g=0.8" for at in range(1, 200)]
    trace = read(written(tmp_path, "\n".join(lines)))
    assert values(trace, "d_loss")[:2] == pytest.approx([1.31, 1.32]) and not trace.other_pairs
    assert any("taken for those of real and of fake" in note for note in trace.unknown)


def test_numbers_that_are_words_in_json_are_not_lost(tmp_path: Path) -> None:
    rows = [f'{{"_step": {at}, "d_loss": {1.3 if at < 150 else chr(34) + "NaN" + chr(34)}}}' for at in range(200)]
    assert np.isnan(values(read(written(tmp_path, "\n".join(rows))), "d_loss")[-1])
    gaps = [1.0 if at % 2 else None for at in range(20)]
    text = json.dumps({"d_loss": [1.3] * 20, "fid": gaps})
    assert len(read(written(tmp_path, text)).signals["fid"]) == 10
