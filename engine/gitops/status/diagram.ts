import type { HealthState } from "../health/health.ts";
import type { ApplicationFacts, ObjectFacts } from "./status-facts.ts";

/** A drawing with more boxes is no longer looked at. */
const BOXES_MAX = 40;
const LABEL_MAX = 60;

const FILLS: Readonly<Record<HealthState, string>> = {
  Healthy: "#d7f0d7",
  Suspended: "#eeeeee",
  Progressing: "#ffe8c2",
  Unknown: "#eeeeee",
  Missing: "#f8cfcf",
  Degraded: "#f8cfcf",
};

/**
 * An application as a drawing that forges make of text (Mermaid): what it waits for, its objects, and below what is not well the way down
 * to what stopped. Beyond the limit the objects that are well are counted by kind.
 */
export function renderDiagram(app: ApplicationFacts): string {
  const lines = ["```mermaid", "flowchart LR", `  app(["${label(app.name)}"]):::${app.health}`];
  for (const [index, name] of app.dependsOn.slice(0, BOXES_MAX).entries())
    lines.push(`  dep${index}(["${label(name)}"])`, `  app -. waits for .-> dep${index}`);
  const unwell = app.objects.filter((object) => object.health !== "Healthy");
  const well = app.objects.filter((object) => object.health === "Healthy");
  const room = Math.max(0, BOXES_MAX - unwell.length);
  for (const [index, object] of [...unwell.slice(0, BOXES_MAX), ...(well.length <= room ? well : [])].entries()) lines.push(...drawObject(object, index));
  if (well.length > room)
    for (const [kind, objects] of Map.groupBy(well, (object) => object.kind))
      lines.push(`  app --> k${id(kind)}["${objects.length} × ${label(kind)}"]:::Healthy`);
  const used = new Set<HealthState>([app.health, ...app.objects.map((object) => object.health)]);
  for (const state of Object.keys(FILLS) as HealthState[]) if (used.has(state)) lines.push(`  classDef ${state} fill:${FILLS[state]},color:#000,stroke:#888`); // keys of the table above
  return [...lines, "```"].join("\n");
}

function drawObject({ kind, namespace, name, health, chain, reason }: ObjectFacts, index: number): readonly string[] {
  const lines = [`  app --> o${index}["${label(`${kind} ${namespace === "" ? "" : `${namespace}/`}${name}`)}"]:::${health}`];
  const steps = health === "Healthy" ? [] : chain.length === 0 && reason !== "" ? [reason] : chain;
  for (const [depth, step] of steps.slice(0, 6).entries())
    lines.push(`  ${depth === 0 ? `o${index}` : `o${index}s${depth - 1}`} --> o${index}s${depth}["${label(step)}"]`);
  return lines;
}

/** Text inside of quotes: no quotes, brackets or tags of its own. Mermaid reads `#quot;` and its kin. */
function label(text: string): string {
  const short = text.length > LABEL_MAX ? `${text.slice(0, LABEL_MAX - 1)}…` : text;
  return short
    .replace(/[\r\n]+/g, " ")
    .replace(/#/g, "#35;")
    .replace(/"/g, "#quot;")
    .replace(/</g, "#lt;")
    .replace(/>/g, "#gt;")
    .replace(/`/g, "'")
    .replace(/@/g, "@\u200b");
}

function id(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, "");
}
