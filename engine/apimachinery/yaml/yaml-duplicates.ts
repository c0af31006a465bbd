import * as yaml from "js-yaml";
import type { YamlEvents } from "./yaml.ts";

/**
 * What upstream's strict YAML reader says of keys that a text names twice in one mapping, one text for each.
 * The text must be YAML whose values somebody has read.
 */
export function describeRepeatedKeys({ events, text }: YamlEvents): readonly string[] {
  const found: string[] = [];
  const open: Container[] = [];
  let [line, counted] = [1, 0];
  for (const event of events) {
    const inside = open[open.length - 1];
    if (event.type === yaml.EVENT_ID.POP) {
      open.pop();
      continue;
    }
    const isKey = inside?.keys !== undefined && inside.expectsKey;
    if (inside?.keys !== undefined) inside.expectsKey = !inside.expectsKey;
    if (isKey && event.type === yaml.EVENT_ID.SCALAR) {
      const key = yaml.getScalarValue(text, event);
      // Events come in the order of the text, so its lines are counted once.
      for (; counted < event.valueStart; counted++) if (text[counted] === "\n") line++;
      if (inside.keys.has(key) && key !== "<<") found.push(`line ${line}: key ${JSON.stringify(key)} already set in map`);
      inside.keys.add(key);
    }
    if (event.type === yaml.EVENT_ID.MAPPING) open.push({ keys: new Set(), expectsKey: true });
    else if (event.type === yaml.EVENT_ID.SEQUENCE || event.type === yaml.EVENT_ID.DOCUMENT) open.push({ keys: undefined, expectsKey: false });
  }
  return found;
}

/** What an event is in: a mapping has keys. */
interface Container {
  readonly keys: Set<string> | undefined;
  expectsKey: boolean;
}
