/** One thing that was measured a few times. */
export interface Measure {
  readonly what: string;
  readonly unit: "ms" | "s" | "MB" | "x";
  readonly values: readonly number[];
  /** The most that its median may be; absent where nothing is promised. */
  readonly goal?: number;
}

/** Middle of the sorted values; the lower one of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

/** Each value of one measure over the value of another one taken beside it. */
export function ratios(values: readonly number[], floor: readonly number[]): number[] {
  return values.map((value, index) => value / (floor[index] ?? Number.NaN));
}

export function isMet({ values, goal }: Measure): boolean {
  return goal === undefined || median(values) <= goal;
}

/** A line for each measure: median, least, most, goal. */
export function formatMeasures(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => {
    const { what, unit, values, goal } = measure;
    const show = (value: number) => `${unit === "ms" || unit === "MB" ? value.toFixed(0) : value.toFixed(2)} ${unit}`;
    const promise = goal === undefined ? "" : `at most ${show(goal)}: ${isMet(measure) ? "met" : "missed"}`;
    return [what, show(median(values)), show(Math.min(...values)), show(Math.max(...values)), promise];
  });
  return align([["", "median", "min", "max", "goal"], ...rows]);
}

/** The first column and the last to the left, figures to the right. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 || column === row.length - 1 ? cell.padEnd(width) : cell.padStart(width);
    }),
  );
  return lines.map((cells) => cells.join("  ").trimEnd()).join("\n");
}
