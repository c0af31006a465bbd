import * as yaml from "js-yaml";
import { kubernetesYamlSchema } from "./yaml-schema.ts";

/** Readers of YAML 1.1 take these for times and for numbers to the base of 60. */
const TIMESTAMP = /^\d{4}-\d\d?-\d\d?([Tt ].*)?$/;
const BASE_60 = /^[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?$/;

const STRING_TAG = "tag:yaml.org,2002:str";
const implicitTags = kubernetesYamlSchema.implicitScalarTags;

/** Puts quotes around text that would be read as something else, as kubectl does; a rule for the writer of js-yaml. */
export const quoteAmbiguousText: yaml.ScalarStyleRule = (layout) => {
  const { tag, value } = layout.node;
  if (tag !== STRING_TAG || layout.style !== yaml.SCALAR_STYLE.PLAIN) return;
  // A block cannot show spaces at the end of a line, and would lose carriage returns and tabs.
  const hidesSomething = value.includes("\n") && /[ \t]\n|[\t\r]/.test(value);
  if (/^(---|\.\.\.)/.test(value))
    layout.style = yaml.SCALAR_STYLE.SINGLE_QUOTED; // could be taken for a document's edge
  else if (hidesSomething || TIMESTAMP.test(value) || BASE_60.test(value) || isReadAsOther(value)) layout.style = yaml.SCALAR_STYLE.DOUBLE_QUOTED;
};

function isReadAsOther(text: string): boolean {
  if (text === "") return true;
  return implicitTags.some((tag) => tag.tagName !== "tag:yaml.org,2002:merge" && tag.resolve(text, false, tag.tagName) !== yaml.NOT_RESOLVED);
}
