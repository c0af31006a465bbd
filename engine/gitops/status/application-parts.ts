import { HEALTH_ORDER } from "../health/health.ts";
import { renderDiagram } from "./diagram.ts";
import { code, healthMark, markdownTable, plain, ROWS_MAX, shortTime } from "./markdown.ts";
import type { ApplicationFacts, ObjectFacts } from "./status-facts.ts";

/** What an application consists of and how each part fares, as it stands on its page and on that of a preview. */
export function renderApplicationParts(app: ApplicationFacts): readonly string[] {
  return [
    ...app.objects
      .filter((object) => object.health !== "Healthy")
      .slice(0, 20)
      .map((object) => chainOf(object)),
    ...((app.holds ?? []).length === 0 ? [] : ["## Held", (app.holds ?? []).map((hold) => `- ${plain(hold)}`).join("\n")]),
    ...(app.objects.length === 0 ? [] : [renderDiagram(app)]),
    ...objectTables(app.objects),
    ...((app.events ?? []).length === 0
      ? []
      : [
          "## Recent events",
          markdownTable(
            ["First (UTC)", "Object", "What", "Message"],
            (app.events ?? []).map((event) => [
              shortTime(event.since),
              plain(event.object),
              `${event.type === "Warning" ? "⚠️ " : ""}${plain(event.reason)}`,
              plain(event.message),
            ]),
          ),
        ]),
  ];
}

function chainOf(object: ObjectFacts): string {
  const steps = [
    `${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}`,
    ...(object.chain.length === 0 ? [object.reason] : object.chain),
  ].filter((step) => step !== "");
  return steps.map((step, depth) => `${"  ".repeat(depth)}- ${plain(step)}`).join("\n");
}

/** One table, or one per namespace when there are more rows than anyone reads. */
function objectTables(objects: readonly ObjectFacts[]): readonly string[] {
  const table = (rows: readonly ObjectFacts[]) => {
    const shown = [...rows].sort((a, b) => HEALTH_ORDER.indexOf(b.health) - HEALTH_ORDER.indexOf(a.health)).slice(0, ROWS_MAX);
    const text = markdownTable(
      ["Object", "State", "From", "Why"],
      shown.map((object) => [
        plain(`${object.kind} ${object.namespace === "" ? "" : `${object.namespace}/`}${object.name}`),
        `${healthMark(object.health)} ${object.health}`,
        code(object.source),
        plain([object.reason, ...object.leftToOthers.map((left) => `left to its owner: ${left}`)].filter((part) => part !== "").join("; ")),
      ]),
    );
    return rows.length > ROWS_MAX ? `${text}\n\n${rows.length - ROWS_MAX} more` : text;
  };
  if (objects.length === 0) return ["It holds no objects."];
  if (objects.length <= ROWS_MAX) return [table(objects)];
  return [...Map.groupBy(objects, (object) => object.namespace)].flatMap(([namespace, rows]) => [
    `## ${namespace === "" ? "cluster-wide" : plain(namespace)}`,
    table(rows),
  ]);
}
