#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tributary advise on data that is wrong: every row of tests/data/bad/table.tsv gives the error or
the findings that the table names, in every format, and nothing beside them that the numbers do not
bear. Usage: test_advise_bad_data.py COMMAND"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.path.abspath(sys.argv.pop(1))
ROOT = os.environ.get("TRIB_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDER = os.path.join(ROOT, "tests", "data", "bad")
MANUAL = os.path.join(ROOT, "docs", "tributary.1")
NO_NUMBER = re.compile(r"(?<![\w-])-?(nan|inf|infinity)(?![\w-])", re.I)
LEAST_ROWS = 25


def table():
    with open(os.path.join(FOLDER, "table.tsv"), encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("#")]
    names = lines[0].split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:]]


def advise(*arguments):
    return subprocess.run([COMMAND, "advise", *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


def arguments_of(row):
    options = [] if row["options"] == "-" else row["options"].split()
    return options + [os.path.join(FOLDER, name) for name in row["files"].split()]


def codes_of(report):
    return {finding["code"] for finding in report["findings"]}


class BadData(unittest.TestCase):
    rows = table()
    reports = {}

    def each(self, check, *outcomes):
        """Check every row of these outcomes, each on its own."""
        for row in self.rows:
            if row["outcome"] in outcomes:
                with self.subTest(row["files"], wrong=row["wrong"]):
                    check(row)

    def report(self, *arguments):
        result = advise("--format", "json", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout, parse_constant=self.fail)

    def report_of(self, row):
        """What was said of a row; asked for once."""
        if row["files"] not in self.reports:
            self.reports[row["files"]] = self.report(*arguments_of(row))
        return self.reports[row["files"]]

    def check_no_nonsense(self, report):
        """What holds for any report, whatever the data."""
        errors = {finding["code"] for finding in report["findings"]
                  if finding["severity"] == "error"}
        for finding in report["findings"]:
            self.assertRegex(finding["code"], "^[a-z0-9-]+$")
            self.assertIn(finding["severity"], ("info", "warning", "error"))
            self.assertNotRegex(finding["text"], NO_NUMBER)
            self.assertGreater(len(finding["text"]), 10)
        for sweep in report["sweeps"]:
            counts = [point["threads"] for point in sweep["points"]]
            for point in sweep["points"]:
                if 1 not in counts:
                    self.assertIsNone(point["speedup"])
                    self.assertIsNone(point["efficiency"])
            if len(counts) >= 2 and 1 not in counts:
                self.assertTrue(codes_of(report) & {"no-baseline", "swapped-columns",
                                                    "mixed-units", "implausible"})
            if sweep["fit"] is None:
                self.assertTrue(sweep["fit_reason"])
                self.assertEqual(sweep["predictions"], [])
            else:
                self.assertGreaterEqual(len(counts), 4)
            for prediction in sweep["predictions"]:
                self.assertTrue(prediction["is_borne"] or prediction["why"], prediction)
        threads = {point["threads"] for sweep in report["sweeps"] for point in sweep["points"]}
        for advice in report["recommendations"].values():
            self.assertTrue(advice["why"])
            self.assertNotRegex(advice["why"], NO_NUMBER)
            if advice["threads"] is not None:
                self.assertIn(advice["threads"], threads)
                self.assertGreaterEqual(len(threads), 3)
        return errors

    def test_the_table_is_long_enough_and_names_every_file(self):
        self.assertGreaterEqual(len(self.rows), LEAST_ROWS)
        named = {name for row in self.rows for name in row["files"].split()}
        self.assertEqual(named | {"table.tsv"}, set(os.listdir(FOLDER)))
        self.assertEqual({row["outcome"] for row in self.rows},
                         {"refused", "finding", "accepted"})

    def test_refused_data_gives_one_line_and_nothing_else(self):
        def check(row):
            for form in ("text", "json"):
                result = advise("--format", form, *arguments_of(row))
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertTrue(result.stderr.startswith("tributary: advise: "))
                self.assertIn(row["expected"], result.stderr)
                self.assertIn(row["files"].split()[-1], result.stderr)
                self.assertTrue(result.stderr[:-1].isprintable(), result.stderr)

        self.each(check, "refused")

    def test_findings_and_advice_are_those_of_the_table(self):
        def check(row):
            report = self.report_of(row)
            codes = codes_of(report)
            if row["outcome"] == "accepted":
                self.assertEqual(codes, set())
            else:
                self.assertLessEqual(set(row["expected"].split()), codes)
            errors = self.check_no_nonsense(report)
            advice = list(report["recommendations"].values())
            given = [one["threads"] is not None for one in advice]
            if row["advice"] == "none":
                self.assertFalse(any(given), advice)
            else:
                self.assertTrue(all(given), advice)
                cautions = [one["caution"] is not None for one in advice]
                self.assertEqual(cautions, [row["advice"] == "cautioned"] * 3, advice)
            if errors and any(given):
                self.assertIsNotNone(advice[0]["caution"], errors)

        self.each(check, "finding", "accepted")

    def test_a_refuted_sweep_bears_no_conclusion(self):
        def check(row):
            if not {"mixed-units", "swapped-columns", "implausible"} & set(row["expected"].split()):
                return
            report = self.report_of(row)
            sweep = report["sweeps"][0]
            self.assertEqual((sweep["fit"], sweep["limit"], sweep["saturation_threads"]),
                             (None, None, None))
            self.assertEqual(sweep["bottleneck"]["primary"], "unknown")
            self.assertEqual({point["speedup"] for point in sweep["points"]}, {None})

        self.each(check, "finding")

    def test_the_text_says_the_same(self):
        def check(row):
            report = self.report_of(row)
            result = advise(*arguments_of(row))
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)
            self.assertNotRegex(result.stdout, NO_NUMBER)
            words = " ".join(result.stdout.split())
            for finding in report["findings"]:
                self.assertIn(" ".join(finding["text"].split())[:40], words)

        self.each(check, "finding", "accepted")

    def test_own_json_is_read_back_with_the_same_findings(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "again.json")
            def check(row):
                report = self.report_of(row)
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(report, file)
                options = [] if row["options"] == "-" else row["options"].split()
                again = self.report(*options, path)
                self.assertEqual(again["findings"], report["findings"])
                self.assertEqual(again["recommendations"], report["recommendations"])

            self.each(check, "finding", "accepted")

    def test_every_code_is_in_the_manual_page(self):
        with open(MANUAL, encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        codes = set()
        self.each(lambda row: codes.update(codes_of(self.report_of(row))), "finding")
        self.assertEqual({code for code in codes if f"\n.B {code}\n" not in manual}, set())

    def test_files_that_are_too_large_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "large.csv")
            with open(path, "wb") as file:
                file.truncate((64 << 20) + 1)
            result = advise(path)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("large.csv: larger than 64 MiB", result.stderr)
            path = os.path.join(folder, "large.json")
            with open(path, "wb") as file:
                file.write(b"{")
                file.truncate((16 << 20) + 1)
            self.assertIn("JSON larger than 16 MiB", advise(path).stderr)

    def test_many_rows_are_read_in_time_and_too_many_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.csv")
            with open(path, "w", encoding="utf-8") as file:
                file.write("threads,ops_per_s\n")
                file.writelines(f"{n},{1000 * n / (1 + 0.01 * n):.6g}\n"
                                for n in range(1, 1026))
            self.assertIn("line 1026, field 1 (threads): expected at most 1024 thread counts",
                          advise(path).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
