import { estimateSeconds, type PlannedTool } from "../../toolchain/planToolchain.ts";
import { formatElapsed } from "../narrator/formatElapsed.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** Which of the pinned tools are there, and how the others would come. */
export function checkTools(plan: readonly PlannedTool[]): Finding {
  const missing = plan.filter((tool) => tool.kind === "missing");
  const there = plan.filter((tool) => tool.kind !== "missing").map(({ pin, version }) => `${pin.name} ${version}`);
  if (missing.length === 0) return ok(there.join(", "));
  const ways = missing.map(
    ({ pin, attempts }) => `${pin.name} ${pin.version} (${attempts.map(({ how }) => how).join(", else ") || "no way"})`,
  );
  const most = formatElapsed(estimateSeconds(plan) * 1000);
  return not(
    "warning",
    `${missing.length} of ${plan.length} to be got: ${ways.join(", ")}`,
    `dayzero tools gets them now, up does by itself: ${most} at most where nothing can be downloaded`,
  );
}
