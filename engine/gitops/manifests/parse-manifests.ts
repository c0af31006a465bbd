import { isUtf8 } from "node:buffer";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { BUNDLE_YAML_LIMITS, YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { Turns } from "../../lib/turns.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { checkManifest } from "./check-manifest.ts";
import { withoutValues } from "./explain-error.ts";
import { explainYaml } from "./explain-yaml.ts";
import type { FileTransform } from "./file-transform.ts";
import type { GitObjects } from "../git/git-source.ts";
import type { OversizedObject } from "../git/stored-object.ts";
import { KustomizeError } from "../kustomize/kustomize-error.ts";
import { refuseLfsPointer } from "../kustomize/lfs-pointer.ts";
import type { Problem } from "./problem.ts";
import { SealedFileError } from "./sealed-file.ts";
import type { ServedKinds } from "./served-kinds.ts";
import type { Substitution } from "./substitute-variables.ts";
import { readManifestYaml } from "../yaml/manifest-yaml.ts";

/** Where an object is inside its file: which document, and which item when the document is a List. */
export interface Place {
  readonly document: number;
  readonly prefix: readonly (string | number)[];
}

export interface ParsedObject {
  /** As the file says, checked against its kind's schema; without what only the server may set. Frozen. */
  readonly object: KubeObject;
  readonly resource: ResourceDefinition;
  readonly line: number;
  readonly place: Place;
  /** Where a field was written, for objects that were made from several files. */
  readonly locate?: LocateField;
  /** It was written in an encrypted file: none of its values may be shown. */
  readonly isConfidential?: boolean;
}

/** The file and line that a field of an object comes from. */
export type LocateField = (steps: readonly (string | number)[]) => { readonly file: string; readonly line: number };

/** What one file holds. It depends on the content alone, so it is kept by the blob's id. */
export interface ParsedFile {
  readonly objects: readonly ParsedObject[];
  readonly problems: readonly Omit<Problem, "file">[];
  /** What was left out without being wrong, such as a file that is no manifest. */
  readonly notices: readonly string[];
  readonly substitutions?: readonly Substitution[];
  /** It is encrypted. */
  readonly isConfidential?: boolean;
}

const FILE_BYTES_MAX = BUNDLE_YAML_LIMITS.bytesMax;
/** What is held against its kind before everything else in the process has its turn. */
const OBJECTS_PER_TURN = 32;

/** Instead of a file that is too long to be read. */
export function unreadFile(why: OversizedObject): ParsedFile {
  return { objects: [], problems: [{ line: 1, message: why.message }], notices: [] };
}

/** Reads one manifest file. Never rejects: everything wrong with it is a problem with a line. */
async function parseManifests(content: Buffer, kinds: ServedKinds): Promise<ParsedFile & { readonly documents?: readonly YamlDocument[] }> {
  const failed = (line: number, message: string): ParsedFile => ({ objects: [], problems: [{ line, message }], notices: [] });
  if (content.byteLength > FILE_BYTES_MAX)
    return failed(1, `the file has ${content.byteLength} bytes; at most ${FILE_BYTES_MAX} (${FILE_BYTES_MAX >> 20} MiB) are allowed. Split it`);
  const text = decodeText(content);
  if (text === undefined) return explainBytes(content);
  let documents: readonly YamlDocument[];
  try {
    documents = await readManifestYaml(text);
  } catch (error) {
    if (error instanceof YamlError) {
      const { line, message } = explainYaml(error, text);
      return failed(
        line,
        `${message}${/\{\{.*\}\}/.test(text) ? "; what has {{ … }} looks like a template, which nothing fills in here unless it is a chart's: commit what comes out of it, or list it in .mainstayignore" : ""}`,
      );
    }
    throw error;
  }
  const pass = new FilePass(kinds);
  for (const [index, document] of documents.entries()) await pass.readDocument(document, index);
  return { objects: pass.objects, problems: pass.problems, notices: pass.notices, documents };
}

/** Reads a manifest file after what is encrypted was opened, or only outlined, and variables were put in. */
export async function parseTransformed(content: Buffer, path: string, transform: FileTransform, kinds: ServedKinds): Promise<ParsedFile> {
  try {
    refuseLfsPointer(content, path);
    const { content: plain, isConfidential, substitutions } = await transform.apply(content, path);
    const { documents, ...parsed } = await parseManifests(plain, kinds);
    if (plain === content) return parsed;
    // The blob in the repository has other text, but the same lines.
    const lines =
      (place: Place): LocateField =>
      (steps) => ({ file: path, line: lineIn(documents, place, steps) });
    // An outline lacks what its kind may require.
    const problems =
      transform.isSealed === true && isConfidential
        ? []
        : isConfidential
          ? parsed.problems.map((problem) => ({ ...problem, message: withoutValues(problem.message) }))
          : parsed.problems;
    return {
      ...parsed,
      isConfidential,
      problems,
      substitutions,
      objects: parsed.objects.map((object) => ({ ...object, isConfidential, locate: lines(object.place) })),
    };
  } catch (error) {
    if (error instanceof SealedFileError) return { objects: [], problems: [], notices: [], isConfidential: true };
    if (error instanceof KustomizeError) return { objects: [], problems: error.problems.map(({ line, message }) => ({ line, message })), notices: [] };
    throw error;
  }
}

/** Tells the line of a field of an object in a file. Each file is read once for everything that is asked. */
export function fieldLocator(objects: Pick<GitObjects, "blob">): (of: FilePlace, path: readonly (string | number)[]) => Promise<number> {
  const files = new Map<string, Promise<readonly YamlDocument[] | undefined>>();
  const read = async (blob: string) => readManifestYaml(decodeText(await objects.blob(blob)) ?? "").catch(() => undefined);
  return async ({ blob, place }, path) => {
    const file = files.get(blob) ?? read(blob);
    files.set(blob, file);
    return lineIn(await file, place, path);
  };
}

export interface FilePlace {
  readonly blob: string;
  readonly place: Place;
}

function lineIn(documents: readonly Pick<YamlDocument, "lineOf">[] | undefined, place: Place, path: readonly (string | number)[]): number {
  return documents?.[place.document]?.lineOf([...place.prefix, ...path]) ?? 1;
}

/** Of each file so many problems, and so many notices, are told: a file can have hundreds of thousands, and nobody reads them. */
const TOLD_MAX = 1_000;

class FilePass {
  readonly objects: ParsedObject[] = [];
  readonly problems: Omit<Problem, "file">[] = [];
  readonly notices: string[] = [];
  readonly #kinds: ServedKinds;
  readonly #turns = new Turns(OBJECTS_PER_TURN);

  constructor(kinds: ServedKinds) {
    this.#kinds = kinds;
  }

  async readDocument(document: YamlDocument, index: number): Promise<void> {
    const value = document.value;
    if (isRecord(value) && value["kind"] === "List" && value["apiVersion"] === "v1" && Array.isArray(value["items"])) {
      for (const [item, child] of value["items"].entries()) await this.#readObject(document, child, { document: index, prefix: ["items", item] });
    } else await this.#readObject(document, value, { document: index, prefix: [] });
  }

  async #readObject(document: YamlDocument, value: unknown, place: Place): Promise<void> {
    await this.#turns.next();
    const lineOf = (path: readonly (string | number)[]) => document.lineOf([...place.prefix, ...path]);
    const line = place.prefix.length === 0 ? document.line : lineOf([]);
    const check = checkManifest(value, this.#kinds);
    if (check.is === "object") this.objects.push({ object: check.object, resource: check.resource, line, place });
    else if (check.is === "faulty")
      for (const { steps, field, message } of check.faults)
        this.#addProblem(() => ({ line: steps.length === 0 ? line : lineOf(steps), ...(field === undefined ? {} : { field }), message }));
    else if (this.notices.length < TOLD_MAX) this.notices.push(`line ${line}: ${check.what}`);
  }

  #addProblem(problem: () => Omit<Problem, "file">): void {
    const last = this.problems.at(-1);
    if (last === undefined || this.problems.length < TOLD_MAX) this.problems.push(problem());
    else if (last.hasMore !== true) this.problems[TOLD_MAX - 1] = { ...last, hasMore: true };
  }
}

/** What is wrong with bytes that are not UTF-8 text: mostly an editor, or a shell, that writes text in another way. */
function explainBytes(content: Buffer): ParsedFile {
  const failed = (line: number, message: string): ParsedFile => ({ objects: [], problems: [{ line, message }], notices: [] });
  if (/^(\xff\xfe|\xfe\xff)/.test(content.toString("latin1", 0, 2))) return failed(1, "the file is text in UTF-16, as PowerShell writes it; save it as UTF-8");
  if (content.includes(0)) return failed(1, "the file is binary, not YAML text; rename it or list it in .mainstayignore");
  const start = content.subarray(0, firstNotUtf8(content));
  return failed(
    start.toString("latin1").split("\n").length,
    "the line has characters that are not UTF-8; save the file as UTF-8, or, if it is no manifest, list it in .mainstayignore",
  );
}

/** Where the first line begins that is not UTF-8. A line feed is part of no other character, so halves may be looked at by themselves. */
function firstNotUtf8(content: Buffer): number {
  let [from, to] = [0, content.length];
  for (;;) {
    const middle = content.lastIndexOf("\n", Math.floor((from + to) / 2)) + 1;
    const half = middle > from ? middle : content.indexOf("\n", from) + 1;
    if (half <= from || half >= to) return from;
    if (isUtf8(content.subarray(from, half))) from = half;
    else to = half;
  }
}

/** Text, or undefined when the bytes are not UTF-8 text. Files that were put together may have a byte order mark before each document. */
function decodeText(content: Buffer): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content).replace(/^(---[ \t]*\r?\n)\ufeff/gm, "$1");
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
