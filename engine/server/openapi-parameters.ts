/** What a query may say, by name, as OpenAPI describes it. */
const PARAMETERS: Readonly<Record<string, { readonly type: "string" | "integer" | "boolean"; readonly description: string }>> = {
  labelSelector: { type: "string", description: "Narrows the list of returned objects by their labels; empty for all of them." },
  fieldSelector: { type: "string", description: "Narrows the list of returned objects by some of their fields; empty for all of them." },
  limit: { type: "integer", description: "How many objects a page holds; what is left is read with the continue token that comes with it." },
  continue: { type: "string", description: "Token of the page before: asks for the next one." },
  resourceVersion: { type: "string", description: "State of the store that the answer has to know, or that a watch begins after." },
  resourceVersionMatch: { type: "string", description: "How resourceVersion is meant for lists: Exact or NotOlderThan." },
  watch: { type: "boolean", description: "Watch for changes to the described resources: additions, changes and deletions are sent as they happen." },
  allowWatchBookmarks: { type: "boolean", description: "Lets a watch send bookmarks, which tell how far it has come." },
  sendInitialEvents: { type: "boolean", description: "Begins a watch with what is there already, and a bookmark behind it." },
  timeoutSeconds: { type: "integer", description: "Ends the list or watch after this time." },
  dryRun: { type: "string", description: "All goes through every stage and stores nothing." },
  fieldManager: { type: "string", description: "Name under which the writer owns the fields it sets." },
  fieldValidation: { type: "string", description: "What becomes of unknown and repeated fields: Ignore, Warn or Strict." },
  gracePeriodSeconds: { type: "integer", description: "Time the object gets to end itself; 0 for at once." },
  propagationPolicy: { type: "string", description: "What becomes of its dependents: Orphan, Background or Foreground." },
  force: { type: "boolean", description: "Takes over fields that an apply finds owned by others." },
};

export const LIST_PARAMETERS: readonly string[] = ["labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "watch", "allowWatchBookmarks", "sendInitialEvents", "timeoutSeconds"];

export function queryParameter(name: string, openApi: 2 | 3): object {
  const { type, description } = PARAMETERS[name] ?? { type: "string", description: "" };
  return { name, in: "query", description, ...(openApi === 3 ? { schema: { type, uniqueItems: true } } : { type, uniqueItems: true }) };
}
