import { createHash } from "node:crypto";
import { KustomizeError } from "../kustomize/kustomize-error.ts";
import { SopsError } from "../sops/sops-error.ts";
import { decryptFile, sopsFormat } from "../sops/sops-file.ts";
import { readSealedManifest, SealedFileError } from "./sealed-file.ts";
import { substituteVariables, type Substitution, type Variables } from "./substitute-variables.ts";

/** What a file stands for when an application reads it. */
export interface TransformedFile {
  readonly content: Buffer;
  /** It was encrypted: what is in it must not be shown. */
  readonly isConfidential: boolean;
  readonly substitutions: readonly Substitution[];
}

/** Opens encrypted files and puts an application's variables in. Lines stay where they are. */
export interface FileTransform {
  /** Equal for transforms that make the same of every file. */
  readonly variant: string;
  /** Nothing encrypted is opened; of such files there is at most an outline. */
  readonly isSealed?: boolean;
  /** Throws a KustomizeError with the file and line when the file cannot be opened. */
  apply(content: Buffer, path: string): Promise<TransformedFile>;
}

/** A transform with these age keys and variables. Keys are compared by their digest only. */
export function createFileTransform(keys: readonly string[], variables: Variables): FileTransform {
  const hasVariables = Object.keys(variables).length > 0;
  const variant =
    keys.length === 0 && !hasVariables
      ? ""
      : createHash("sha256")
          .update(JSON.stringify([keys, variables]))
          .digest("base64");
  return {
    variant,
    async apply(content, path) {
      const format = sopsFormat(content, path);
      const opened = format === undefined ? content : await open(content, path, format, keys);
      const isText = /\.(ya?ml|json)$/i.test(path) || /(^|\/)Kustomization$/.test(path);
      if (!hasVariables || !isText) return { content: opened, isConfidential: format !== undefined, substitutions: [] };
      const { text, uses } = substituteVariables(opened.toString("utf8"), variables, path);
      // The value of a variable may say nothing, but where it stands in an encrypted file might.
      return { content: uses.length === 0 ? opened : Buffer.from(text), isConfidential: format !== undefined, substitutions: format === undefined ? uses : [] };
    },
  };
}

/** A transform that has no keys and opens nothing: of encrypted manifests it gives what they say in the open, and refuses all other encrypted files. */
export function createSealedTransform(variables: Variables): FileTransform {
  const plain = createFileTransform([], variables);
  return {
    variant: `sealed ${plain.variant}`,
    isSealed: true,
    async apply(content, path) {
      const format = sopsFormat(content, path);
      if (format === undefined) return plain.apply(content, path);
      if (format !== "yaml" && format !== "json") throw new SealedFileError(path);
      return { content: await readSealedManifest(content.toString("utf8"), path), isConfidential: true, substitutions: [] };
    },
  };
}

async function open(content: Buffer, path: string, format: NonNullable<ReturnType<typeof sopsFormat>>, keys: readonly string[]): Promise<Buffer> {
  try {
    return await decryptFile(content, format, keys);
  } catch (error) {
    if (error instanceof SopsError) throw new KustomizeError([{ file: path, line: error.line, message: error.message }]);
    throw error;
  }
}
