/** What a query or an address may say, as OpenAPI describes it. */
interface Parameter {
  readonly in: "query" | "path";
  readonly name: string;
  readonly type: "string" | "integer" | "boolean";
  readonly description: string;
}

const query = (name: string, type: Parameter["type"], description: string): Parameter => ({ in: "query", name, type, description });
const part = (name: string, description: string): Parameter => ({ in: "path", name, type: "string", description });

/** By a name of its own each: several resources ask for a `container`, and mean different things by leaving it out. */
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  namespace: part("namespace", "Namespace of the objects."),
  pretty: query("pretty", "string", "Writes the answer for people when it is true; browsers and the usual tools get it so unasked."),
  labelSelector: query("labelSelector", "string", "Narrows the list of returned objects by their labels; empty for all of them."),
  fieldSelector: query("fieldSelector", "string", "Narrows the list of returned objects by some of their fields; empty for all of them."),
  limit: query("limit", "integer", "How many objects a page holds; what is left is read with the continue token that comes with it."),
  continue: query("continue", "string", "Token of the page before: asks for the next one."),
  resourceVersion: query("resourceVersion", "string", "State of the store that the answer has to know, or that a watch begins after."),
  resourceVersionMatch: query("resourceVersionMatch", "string", "How resourceVersion is meant for lists: Exact or NotOlderThan."),
  watch: query("watch", "boolean", "Watch for changes to the described resources: additions, changes and deletions are sent as they happen."),
  allowWatchBookmarks: query("allowWatchBookmarks", "boolean", "Lets a watch send bookmarks, which tell how far it has come."),
  sendInitialEvents: query("sendInitialEvents", "boolean", "Begins a watch with what is there already, and a bookmark behind it."),
  shardSelector: query("shardSelector", "string", "Narrows the list to a part of all objects, where the server divides them; this one does not."),
  timeoutSeconds: query("timeoutSeconds", "integer", "Ends the list or watch after this time."),
  dryRun: query("dryRun", "string", "All goes through every stage and stores nothing."),
  fieldManager: query("fieldManager", "string", "Name under which the writer owns the fields it sets."),
  fieldValidation: query("fieldValidation", "string", "What becomes of unknown and repeated fields: Ignore, Warn or Strict."),
  gracePeriodSeconds: query("gracePeriodSeconds", "integer", "Time the object gets to end itself; 0 for at once."),
  propagationPolicy: query("propagationPolicy", "string", "What becomes of its dependents: Orphan, Background or Foreground."),
  orphanDependents: query("orphanDependents", "boolean", "Older form of propagationPolicy: true for Orphan, false for Background."),
  ignoreStoreReadErrorWithClusterBreakingPotential: query(
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "boolean",
    "Deletes what can no longer be read, whatever depends on it.",
  ),
  force: query("force", "boolean", "Takes over fields that an apply finds owned by others."),
  command: query("command", "string", "The command and its arguments; no shell looks at them."),
  container: query("container", "string", "Name of the container; none where the pod has only one."),
  stdin: query("stdin", "boolean", "Whether input is sent."),
  stdout: query("stdout", "boolean", "Whether output is wanted."),
  stderr: query("stderr", "boolean", "Whether the output of errors is wanted."),
  tty: query("tty", "boolean", "Whether it runs in a terminal."),
  ports: query("ports", "integer", "Ports of the pod, where the protocol asks for them in the address."),
  path: query("path", "string", "Path that is asked for behind the proxy."),
  rest: part("path", "Path that is asked for behind the proxy."),
  follow: query("follow", "boolean", "Goes on with what is written later."),
  insecureSkipTLSVerifyBackend: query("insecureSkipTLSVerifyBackend", "boolean", "Asks the node without looking at its certificate."),
  limitBytes: query("limitBytes", "integer", "Ends the log after so many bytes."),
  previous: query("previous", "boolean", "Log of the container that ran before this one."),
  sinceSeconds: query("sinceSeconds", "integer", "Only lines of so many last seconds."),
  stream: query("stream", "string", "All, Stdout or Stderr."),
  tailLines: query("tailLines", "integer", "Only so many last lines."),
  timestamps: query("timestamps", "boolean", "Puts its moment before each line."),
};

const OF_LISTS = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "shardSelector",
  "timeoutSeconds",
  "watch",
];
const OF_DELETES = ["dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "propagationPolicy"];
const OF_WRITES = ["dryRun", "fieldManager", "fieldValidation"];

/** What a request may ask for, by what it does. */
const ACTION_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  list: OF_LISTS,
  watch: OF_LISTS,
  watchlist: OF_LISTS,
  deletecollection: [...OF_LISTS.filter((name) => !["allowWatchBookmarks", "watch"].includes(name)), ...OF_DELETES],
  delete: OF_DELETES,
  post: OF_WRITES,
  put: OF_WRITES,
  patch: [...OF_WRITES, "force"],
};

/** Of custom kinds upstream describes collections that are deleted as it describes lists, and lets reads name a version. */
const CUSTOM_ACTION_PARAMETERS: Readonly<Record<string, readonly string[]>> = { ...ACTION_PARAMETERS, deletecollection: OF_LISTS, get: ["resourceVersion"] };

export function actionParameters(action: string, isCustom: boolean): readonly string[] {
  return (isCustom ? CUSTOM_ACTION_PARAMETERS : ACTION_PARAMETERS)[action] ?? [];
}

/** What a connection to a pod or through a proxy may ask for, and a log. */
export const SUBRESOURCE_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  attach: ["container", "stderr", "stdin", "stdout", "tty"],
  exec: ["command", "container", "stderr", "stdin", "stdout", "tty"],
  portforward: ["ports"],
  proxy: ["path"],
  log: ["container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "previous", "sinceSeconds", "stream", "tailLines", "timestamps"],
};

/** In version 2 each stands once in the document, and is referred to. */
export function parameter(name: string, openApi: 2 | 3): object {
  return openApi === 2 ? { $ref: `#/parameters/${name}` } : described(PARAMETERS[name] ?? query(name, "string", ""), 3);
}

/** The name of the object, which each kind says of its own. */
export function nameParameter(kind: string, openApi: 2 | 3): object {
  return described(part("name", `Name of the ${kind}.`), openApi);
}

/** Where a parameter stands among others: by the name that is sent. */
export function sentName(name: string): string {
  return PARAMETERS[name]?.name ?? name;
}

/** What `parameter` refers to in version 2. */
export function sharedParameters(): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(PARAMETERS)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, described(value, 2)]),
  );
}

function described({ in: place, name, type, description }: Parameter, openApi: 2 | 3): object {
  const shape = { type, uniqueItems: true };
  return { name, in: place, description, ...(place === "path" ? { required: true } : {}), ...(openApi === 3 ? { schema: shape } : shape) };
}
