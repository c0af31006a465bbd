import { STORED_BYTES_MAX } from "../../apimachinery/stored-size.ts";
import { BUNDLE_YAML_LIMITS, locatedDocument, parseYamlDocuments, YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { LineIndex, type MarkRange, type YamlMarks } from "../../apimachinery/yaml/yaml-positions.ts";
import { goYamlSchema, kubernetesYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { parseJson } from "../../lib/json.ts";
import { Turns } from "../../lib/turns.ts";
import { WorkThread } from "../../lib/work-thread.ts";

/** How plain scalars are read: as kubectl does, or as kustomize does. */
export type YamlDialect = "kubectl" | "kustomize";

export const DIALECTS = { kubectl: kubernetesYamlSchema, kustomize: goYamlSchema };

export interface LongYaml {
  readonly text: string;
  readonly dialect: YamlDialect;
}

/** What the thread makes of a text: each document as JSON, with its place among the marks. */
export type LongYamlReply =
  | {
      readonly is: "read";
      readonly text: string;
      readonly marks: YamlMarks;
      readonly documents: readonly { readonly json: string; readonly range: MarkRange }[];
    }
  | { readonly is: "refused"; readonly message: string; readonly line: number; readonly column: number };

/** Shorter texts are read in less time than a thread needs to begin. */
const LENGTH_MIN = 128 << 10;
/**
 * No store takes an object of a quarter of this. What is indented and commented is longer as a text than as JSON, but hardly four times as
 * long; and a file may hold many documents, of which it is one that is too long.
 */
const DOCUMENT_LENGTH_MAX = 4 * STORED_BYTES_MAX;
/** What is taken over before everything else in the process has its turn. */
const LENGTH_PER_TURN = 1 << 20;

const thread = new WorkThread<LongYaml, LongYamlReply>(new URL("./manifest-yaml-worker.ts", import.meta.url));

/**
 * The documents of a manifest file. One that is too long for any store is refused before it is read; what takes long is read in a thread.
 * Rejects with a YamlError.
 */
export async function readManifestYaml(text: string, dialect: YamlDialect = "kubectl"): Promise<readonly YamlDocument[]> {
  if (text.length < LENGTH_MIN) return parseYamlDocuments(text, BUNDLE_YAML_LIMITS, DIALECTS[dialect]);
  refuseLongDocuments(text);
  const reply = await thread.run({ text, dialect }).catch((error: Error) => {
    throw new YamlError(`the file cannot be read: ${error.message}`, 1, 1);
  });
  if (reply.is === "refused") throw new YamlError(reply.message, reply.line, reply.column);
  const { marks } = reply;
  const lines = new LineIndex(reply.text);
  const turns = new Turns(LENGTH_PER_TURN);
  const documents: YamlDocument[] = [];
  for (const { json, range } of reply.documents) {
    await turns.next(json.length);
    documents.push(locatedDocument(parseJson(json), { text: reply.text, marks, lines, range }));
  }
  return documents;
}

/** Of an object nobody needs to know more than how long it is. A list is as long as its items are many, and what is no object is left out later. */
function refuseLongDocuments(text: string): void {
  let start = 0;
  for (const { index } of [...text.matchAll(/^---(?=\s|$)/gm), { index: text.length }]) {
    if (index - start > DOCUMENT_LENGTH_MAX) {
      const document = text.slice(start, index);
      const isObject = /["']?\bapiVersion["']?\s*:/.test(document) && /["']?\bkind["']?\s*:/.test(document);
      if (isObject && !/\bkind["']?\s*:\s*["']?\w*List\b/.test(document)) throw tooLong(Buffer.byteLength(document), new LineIndex(text).lineAt(start));
    }
    start = index;
  }
}

function tooLong(bytes: number, line: number): YamlError {
  return new YamlError(
    `the document has ${bytes} bytes, and no store takes an object of more than ${STORED_BYTES_MAX}; split the object, not the file: one file may hold many`,
    line,
    1,
  );
}
