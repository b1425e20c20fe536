#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tributary advise --compare, run as a user runs it. Usage: test_compare.py COMMAND"""
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.path.abspath(sys.argv.pop(1))


def run(*arguments):
    return subprocess.run([COMMAND, "advise", *arguments], capture_output=True, text=True,
                          timeout=30, check=False)


def results(factor, device="cpu:0", points=(1, 2, 4, 8)):
    """A run of four points whose rounds scatter by about 1 %; the last at `factor`."""
    rows = []
    for i, threads in enumerate(points):
        level = 1000.0 * threads * (factor if i == len(points) - 1 else 1)
        rows.append({"threads": threads, "ops_per_s": level,
                     "rounds": [level * (1 + 0.005 * k) for k in (-2, -1, 0, 1, 2)]})
    return {"schema": 1, "tool": "tributary", "device": {"name": device, "precision": "high"},
            "machine": {"cpu_model": "a", "logical_cores": 8},
            "sweeps": [{"workload": {"kind": "linear", "in_features": 8, "out_features": 8,
                                     "batch": 1, "dtype": "f32"},
                        "policy": "direct", "kind": "threads", "points": rows}]}


class Compare(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.before = self.write("before.json", results(1))
        self.slower = self.write("slower.json", results(0.8))

    def write(self, name, content):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        return path

    def json_of(self, *arguments):
        result = run("--format", "json", "--compare", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_same_run_shows_no_difference(self):
        comparison = self.json_of(self.before, self.before)["comparison"]
        self.assertEqual(comparison["regressions"], 0)
        self.assertEqual(comparison["no_difference_shown"], 4)
        for change in comparison["changes"]:
            self.assertEqual(change["verdict"], "no difference shown")
            self.assertLess(change["percent_ci95"][0], 0)
            self.assertGreater(change["percent_ci95"][1], 0)

    def test_slower_point_is_a_regression(self):
        comparison = self.json_of(self.before, self.slower)["comparison"]
        self.assertEqual(comparison["regressions"], 1)
        change = comparison["changes"][3]
        self.assertEqual(change["verdict"], "regression")
        self.assertAlmostEqual(change["percent"], -20, delta=0.1)
        self.assertLess(change["p_holm"], 0.05)
        self.assertEqual(change["threads"], 8)

    def test_exit_status_fails_on_regressions_only_when_asked(self):
        self.assertEqual(run("--compare", self.before, self.slower).returncode, 0)
        asked = ("--fail-on-regression", "--compare")
        self.assertEqual(run(*asked, self.before, self.slower).returncode, 1)
        self.assertEqual(run(*asked, self.slower, self.before).returncode, 0)
        self.assertEqual(run(*asked, self.before, self.before).returncode, 0)

    def test_text_markdown_and_csv_say_the_same(self):
        text = run("--compare", self.before, self.slower)
        self.assertIn("1 slower, 0 faster, 3 without a difference shown", text.stdout)
        self.assertIn("-20.0 %", text.stdout)
        markdown = run("--compare", self.before, self.slower, "--format", "md")
        self.assertIn("| regression", markdown.stdout)
        table = run("--compare", self.before, self.slower, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(table.stdout)))
        self.assertEqual([row["verdict"] for row in rows],
                         ["no difference shown"] * 3 + ["regression"])
        self.assertAlmostEqual(float(rows[3]["change_percent"]), -20, delta=0.1)

    def test_out_writes_the_format_of_its_name(self):
        path = os.path.join(self.folder.name, "comparison.json")
        result = run("--compare", self.before, self.slower, "--out", path, "--quiet")
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["comparison"]["regressions"], 1)

    def test_other_machines_and_points_are_found(self):
        other = results(1, device="sim:gpu", points=(1, 2, 16))
        other["machine"]["cpu_model"] = "b"
        found = self.json_of(self.before, self.write("other.json", other))["findings"]
        codes = {finding["code"] for finding in found}
        self.assertLessEqual({"different-machine", "different-device", "unmatched-points"}, codes)

    def test_csv_without_intervals_is_not_judged(self):
        paths = []
        for name, ops in (("a.csv", 100), ("b.csv", 50)):
            path = os.path.join(self.folder.name, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"# Linear 8->8, batch 1, fp32\nthreads,ops_per_s\n1,{ops}\n2,{ops}\n")
            paths.append(path)
        comparison = self.json_of(*paths)["comparison"]
        self.assertEqual(comparison["not_judged"], 2)
        self.assertIsNone(comparison["changes"][0]["percent_ci95"])

    def fails(self, status, message, *arguments):
        result = run(*arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(message, result.stderr)

    def test_wrong_use_is_refused_in_one_line(self):
        self.fails(2, "a second file is missing", "--compare", self.before)
        self.fails(2, "needs --compare", "--fail-on-regression", self.before)
        self.fails(1, "no point is in both", "--compare", self.before,
                   self.write("none.json", results(1, points=(3,))))
        self.fails(1, "No such file", "--compare", "nowhere.json", self.before)


if __name__ == "__main__":
    unittest.main()
