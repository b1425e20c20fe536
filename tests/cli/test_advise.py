#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tributary advise, run as a user runs it. Usage: test_advise.py COMMAND"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.path.abspath(sys.argv.pop(1))
ROOT = os.environ.get("TRIB_SOURCE_DIR", os.path.join(os.path.dirname(__file__), "..", ".."))
THREADS = os.path.join(ROOT, "examples", "data", "ceiling-threads.csv")
SIZES = os.path.join(ROOT, "examples", "data", "ceiling-sizes.csv")


def run(*arguments, **options):
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=30,
                          check=False, **options)


class Advise(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.folder.name, name)
        if content is not None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(content)
        return path

    def fails(self, status, message, *arguments):
        """One line on standard error, nothing on standard output, that exit status."""
        result = run("advise", *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("tributary: advise: "), result.stderr)
        self.assertIn(message, result.stderr)

    def test_published_tables_give_the_published_choices(self):
        result = run("advise", THREADS, SIZES, "--format", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        advice = report["recommendations"]
        self.assertEqual([advice[key]["threads"] for key in ("latency", "production", "batch")],
                         [2, 6, 8])
        self.assertEqual(report["sweeps"][0]["saturation_threads"], 8)
        texts = {finding["code"]: finding["text"] for finding in report["findings"]}
        self.assertEqual(set(texts), {"superlinear-baseline", "baseline-mismatch",
                                      "loses-throughput"})
        self.assertIn("139 % at 2 threads", texts["superlinear-baseline"])
        for part in ("3,796", "18,182", "4.8x"):
            self.assertIn(part, texts["baseline-mismatch"])
        self.assertIn("4 of 5 sizes lose throughput at 8 threads", texts["loses-throughput"])

    def test_text_fits_eighty_columns_and_says_the_same(self):
        result = run("advise", THREADS, SIZES)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)
        words = " ".join(result.stdout.split())
        for part in ("latency 2 threads", "production 6 threads", "batch 8 threads",
                     "saturation 8 threads", "139 % at 2 threads",
                     "4 of 5 sizes lose throughput at 8 threads"):
            self.assertIn(part, words)

    def test_own_json_and_csv_give_the_same_advice(self):
        for name in ("r.json", "r.csv"):
            path = self.path(name)
            self.assertEqual(run("advise", THREADS, SIZES, "--quiet", "--out", path).stdout, "")
            report = json.loads(run("advise", path, "--format=json").stdout)
            self.assertEqual([value["threads"] for value in report["recommendations"].values()],
                             [2, 6, 8])
            self.assertEqual(len(report["findings"]), 3)

    def test_findings_of_the_one_who_measured_are_kept(self):
        path = self.path("r.json")
        self.assertEqual(run("advise", THREADS, "--quiet", "--out", path).returncode, 0)
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        noted = {"code": "not-steady", "severity": "info", "text": "not steady at 2 of 8 points"}
        report["findings"].append(noted)
        self.path("r.json", json.dumps(report))
        again = json.loads(run("advise", path, "--format", "json").stdout)
        self.assertIn(noted, again["findings"])
        self.assertEqual(len(again["findings"]), len(report["findings"]))

    def test_out_takes_its_format_from_the_name(self):
        path = self.path("r.md")
        result = run("advise", THREADS, "--out", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Advice", result.stdout)
        with open(path, encoding="utf-8") as file:
            self.assertIn("| threads | ops/s |", file.read())
        self.assertEqual(os.listdir(self.folder.name), ["r.md"])

    def test_malformed_csv_names_line_and_field(self):
        path = self.path("bad.csv", "threads,ops_per_s\n1,100\n2,fast\n")
        self.fails(1, "bad.csv: line 3, field 2 (ops_per_s): expected a number above 0, found "
                      "'fast'", path)
        self.fails(1, "bad.csv: line 3, field 2", THREADS, path, "--out", self.path("r.json"))
        self.assertEqual(os.listdir(self.folder.name), ["bad.csv"])

    def test_files_that_are_not_there_are_named(self):
        self.fails(1, "none.csv: cannot open: No such file", self.path("none.csv"))
        self.fails(1, "cannot read: Is a directory", self.folder.name)

    def test_unwritable_output_is_named_and_leaves_nothing(self):
        self.fails(1, "/no/where.json: cannot write: No such file", THREADS, "--out",
                   self.path("no/where.json"))
        self.fails(1, "/dev/full: cannot write: No space left", THREADS, "--out", "/dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([COMMAND, "advise", THREADS], stdout=full,
                                    stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("No space left", result.stderr)

    def test_wrong_usage_is_one_line_and_status_two(self):
        self.fails(2, "a file of measurements is missing")
        self.fails(2, "there is no option '--fast'", "--fast", THREADS)
        self.fails(2, "--format needs a value", THREADS, "--format")
        self.fails(2, "'xml' is not text, json, csv or md", "--format", "xml", THREADS)
        self.fails(2, "--quiet takes no value", "--quiet=yes", THREADS)
        self.fails(2, "'2x3' is not INxOUTxBATCH", "--workload", "2x3", THREADS)
        self.fails(2, "'0' is not a whole number from 1", "--cores", "0", THREADS)
        self.fails(2, "'4294967297' is not a whole number", "--cores=4294967297", THREADS)
        self.fails(2, "--device", "--device", "cpu:0", THREADS)

    def test_workload_and_cores_can_be_said(self):
        path = self.path("t.csv", "threads,ops_per_s\n1,100\n2,190\n4,300\n8,300\n")
        report = json.loads(run("advise", "--workload", "2048x1024x32", "--cores", "4", path,
                                SIZES, "--format", "json").stdout)
        codes = [finding["code"] for finding in report["findings"]]
        self.assertIn("baseline-mismatch", codes)
        self.assertIn("oversubscribed", codes)
        self.assertEqual(report["sweeps"][0]["bottleneck"]["primary"], "cores")

    def test_help_fits_a_screen_and_has_an_example(self):
        for arguments in (["advise", "--help"], ["--help"]):
            result = run(*arguments)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            lines = result.stdout.splitlines()
            self.assertLessEqual(len(lines), 25)
            self.assertLessEqual(max(map(len, lines)), 80)
            self.assertIn("example:", result.stdout)

    def test_command_itself(self):
        self.assertRegex(run("--version").stdout, r"^tributary \d+\.\d+\.\d+\n$")
        for arguments, message in (([], "a command is missing"),
                                   (["swim"], "there is no command 'swim'")):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2)
            self.assertIn(message, result.stderr)

    def test_operands_after_two_dashes(self):
        with open(self.path("-t.csv"), "w", encoding="utf-8") as file:
            file.write("threads,ops_per_s\n1,100\n2,190\n4,300\n")
        result = run("advise", "--", "-t.csv", cwd=self.folder.name)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
