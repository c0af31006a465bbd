import { BUNDLE_YAML_LIMITS, readYaml, YamlError, type YamlReading } from "../../apimachinery/yaml/yaml.ts";
import { answerWork } from "../../lib/answer-work.ts";
import { DIALECTS, type LongYaml, type LongYamlReply } from "./manifest-yaml.ts";

/** The thread that reads long manifest files. */

/** What all documents of a file have together as JSON: more than a file may have, and less than aliases of long texts can stand for. */
const JSON_LENGTH_MAX = 2 * BUNDLE_YAML_LIMITS.bytesMax;

answerWork(answer, (reply: LongYamlReply) => (reply.is === "read" ? [reply.marks.buffer] : []));

function answer({ text, dialect }: LongYaml): LongYamlReply {
  try {
    return asJson(readYaml(text, BUNDLE_YAML_LIMITS, DIALECTS[dialect]));
  } catch (error) {
    const { line, column } = error instanceof YamlError ? error : { line: 1, column: 1 };
    return { is: "refused", message: error instanceof Error ? error.message : String(error), line, column };
  }
}

/** A copy by way of JSON is the fastest to take over, and keeps whole numbers whole. */
function asJson({ text, marks, documents }: YamlReading): LongYamlReply {
  let left = JSON_LENGTH_MAX;
  const copies: { readonly json: string; readonly range: (typeof documents)[number]["range"] }[] = [];
  for (const { value, range } of documents) {
    const json = JSON.stringify(value);
    left -= json.length;
    if (left < 0) throw new YamlError("aliases expand to more text than any manifest needs; write the content out, or use fewer aliases", 1, 1);
    copies.push({ json, range });
  }
  return { is: "read", text, marks, documents: copies };
}
