/** A metric in the text format of Prometheus: each of the `lines` is labels and a value. Pure. */
export function renderFamily(name: string, help: string, type: "counter" | "gauge", lines: readonly string[]): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines.map((line) => `${name}${line}`)];
}
