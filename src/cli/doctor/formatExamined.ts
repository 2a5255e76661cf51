import { formatTable } from "../formatTable.ts";
import type { Paint } from "../narrator/Narrator.ts";
import type { Examined } from "./examine.ts";

/** A table for people, with what to do on a line of its own, and a summary. */
export function formatExamined(examined: readonly Examined[], paint: Paint): string {
  const rows = examined.flatMap(({ id, result, seen, action }) => [
    [id, result, seen],
    ...(action === null ? [] : [["", "", `-> ${action}`]]),
  ]);
  const count = (result: Examined["result"]) => examined.filter((one) => one.result === result).length;
  const [problems, warnings, unknown] = [count("problem"), count("warning"), count("unknown")];
  const summary = [
    problems > 0
      ? paint("red", `${problems} to put right before dayzero up`)
      : paint("green", "dayzero up has what it needs"),
    ...(warnings > 0 ? [`${warnings} to think about`] : []),
    ...(unknown > 0 ? [`${unknown} that could not be told`] : []),
  ];
  return [formatTable(["check", "result", "seen, and what to do"], rows), "", summary.join(", ")].join("\n");
}
