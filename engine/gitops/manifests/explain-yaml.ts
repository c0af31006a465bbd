import type { YamlError } from "../../apimachinery/yaml/yaml.ts";

/** What is wrong with a text that is no YAML, for whoever edits the file. A merge that was committed half-way has a cause that no parser names. */
export function explainYaml(error: YamlError, text: string): { readonly line: number; readonly message: string } {
  const lines = text.split("\n");
  const begin = lines.findIndex((line) => /^<{7}( |\r?$)/.test(line));
  if (begin >= 0 && lines.some((line, index) => index > begin && /^>{7}( |\r?$)/.test(line)))
    return { line: begin + 1, message: "a merge conflict was committed unresolved (<<<<<<<); choose what is to stay and take the marks away" };
  return { line: error.line, message: `YAML: ${error.message}` };
}
