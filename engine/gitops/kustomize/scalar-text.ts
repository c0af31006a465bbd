import { parseYamlDocuments, YamlError } from "../../apimachinery/yaml/yaml.ts";
import { goYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { isScalar } from "./json-value.ts";

/** What bare text in a YAML file is: `8080` a number, `true` a boolean, everything else itself. */
export function scalarOfText(text: string): string | number | boolean | null {
  if (!/^[-+.0-9tTfFnN~]/.test(text)) return text;
  if (/^(~|null|Null|NULL)$/.test(text)) return null;
  try {
    const value = parseYamlDocuments(text, undefined, goYamlSchema)[0]?.value;
    return isScalar(value) && typeof value !== "string" ? value : text;
  } catch (error) {
    if (error instanceof YamlError) return text;
    throw error;
  }
}
