import { describe, expect, test } from "vitest";
import { explainHelm } from "../../../../engine/gitops/manifests/explain-helm.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";

const values = [
  { is: "file" as const, path: "charts/web/values.yaml", content: Buffer.from("replicas: 1\nimage:\n  tag: 5\n") },
  { is: "file" as const, path: "values/home.yaml", content: Buffer.from("# home\nreplicas: many\nports:\n  - http\n") },
  { is: "inline" as const, values: { secret: "x" } },
];
const explain = (stderr: string) => explainHelm(stderr, values, { file: "mainstay.yaml", line: 4 }).map(formatProblem);
const HEAD = "Error: values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n";

describe("what helm says", () => {
  test.each([
    ["since 3.18", "- at '/replicas': got string, want integer\n- at '/image/tag': got number, want string\n- at '/ports/0': got string, want object\n"],
    ["before", "- replicas: Invalid type. Expected: integer, given: string\n- image.tag: Invalid type. Expected: string, given: integer\n- ports.0: Invalid type. Expected: object, given: string\n"],
  ])("about values that do not fit the schema stands where each was written, %s", (_name, details) => {
    expect(explain(`${HEAD}${details}`).map((line) => line.split(": ").slice(0, 2).join(": "))).toEqual([
      "values/home.yaml:2 helm: replicas",
      "charts/web/values.yaml:3 helm: image.tag",
      "values/home.yaml:4 helm: ports.0",
    ]);
  });

  test("about what nobody wrote, or not in a file, stands at what asks for the chart", () => {
    expect(explain(`${HEAD}- at '': missing property 'host'\n- at '/secret': too short\n- (root): host is required\n`)).toEqual([
      "mainstay.yaml:4 helm: missing property 'host' (values.schema.json of the chart)",
      "mainstay.yaml:4 helm: secret: too short (values.schema.json of the chart)",
      "mainstay.yaml:4 helm: host is required (values.schema.json of the chart)",
    ]);
  });

  test.each([
    ['template: web/templates/d.yaml:3:19: executing "web/templates/d.yaml" at <.Values.a.b>: nil pointer evaluating interface {}.b', "web/templates/d.yaml:3"],
    ["execution error at (web/templates/_check.tpl:7:4): the password hunter2 is too short", "web/templates/_check.tpl:7"],
    ["YAML parse error on web/templates/s.yaml: error converting YAML to JSON: yaml: line 4: could not find expected ':' in hunter2", "web/templates/s.yaml"],
    ['parse error at (web/charts/redis/templates/x.yaml:2): function "hunter2" not defined', "web/charts/redis/templates/x.yaml:2"],
  ])("names the template that it stopped at apart from words that may quote values: %s", (said, place) => {
    const [problem] = explainHelm(`Error: ${said}\n`, values, { file: "mainstay.yaml", line: 4 });
    expect(problem).toMatchObject({ message: `helm: ${said}`, mayQuote: true, unquoted: `helm: stopped at ${place}` });
    expect(explainHelm("Error: hunter2: web/templates/x.yaml:3:\n", values, { file: "mainstay.yaml", line: 4 })[0]).not.toHaveProperty("unquoted");
  });

  test("about anything else is its error, without warnings and advice around it", () => {
    const missing =
      "An error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: redis";
    expect(explain(`WARNING: no index\nError: ${missing}\n\nUse --debug flag to render out invalid YAML\n`)).toEqual([`mainstay.yaml:4 helm: ${missing}`]);
    expect(explain("killed\n")).toEqual(["mainstay.yaml:4 helm: killed"]);
    expect(explain("")).toEqual(["mainstay.yaml:4 helm: failed without a word"]);
  });
});
