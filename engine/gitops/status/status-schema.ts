/** A JSON schema node, as far as it is used here. */
export interface SchemaNode {
  readonly description: string;
  readonly type: string;
  readonly enum?: readonly (string | number)[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
}

const text = (description: string, ...values: readonly string[]): SchemaNode => ({
  description,
  type: "string",
  ...(values.length === 0 ? {} : { enum: values }),
});
const flag = (description: string): SchemaNode => ({ description, type: "boolean" });
const number = (description: string, type: "integer" | "number" = "number"): SchemaNode => ({ description, type });
const list = (description: string, items: SchemaNode): SchemaNode => ({ description, type: "array", items });
const lines = (description: string): SchemaNode => list(description, text("One of them."));
/** `optional` are the fields that may be missing. */
const shape = (description: string, properties: Readonly<Record<string, SchemaNode>>, optional: readonly string[] = []): SchemaNode => ({
  description,
  type: "object",
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

const HEALTH = ["Healthy", "Suspended", "Progressing", "Unknown", "Missing", "Degraded"] as const;

const object = shape("One object.", {
  kind: text("Its kind."),
  namespace: text("Its namespace; empty for kinds of the whole cluster."),
  name: text("Its name."),
  source: text("File and line that it comes from."),
  health: text("How it fares.", ...HEALTH),
  reason: text("Why it is not healthy."),
  chain: lines("The same, step by step, down to what stopped."),
  leftToOthers: lines("Fields that are left to someone else."),
});

const application = shape(
  "One application.",
  {
    name: text("Its name."),
    repository: text("The further repository that it comes from; missing for the cluster's own."),
    path: text("Its folder."),
    health: text("How it fares.", ...HEALTH),
    ready: text("Ready replicas of all wanted, such as 2/3."),
    reason: text("Why it is not healthy."),
    since: text("When its health last changed; empty before it is known."),
    commit: text("The newest commit that changed it."),
    images: lines("What its workloads run."),
    objects: list("Its objects; empty in status.json, all of them in apps/<name>.json.", object),
    kept: lines("Objects that left the repository and stay, with the reason."),
    dependsOn: lines("Applications it waits for."),
    holds: lines("What someone holds, and until when."),
    events: list(
      "What happened lately, newest first.",
      shape("One thing, once however often it came again.", {
        type: text("How it is meant.", "Normal", "Warning"),
        reason: text("In a word."),
        object: text("To what."),
        message: text("More of it; empty when somebody else wrote it."),
        since: text("When it came first."),
      }),
    ),
  },
  ["repository", "holds", "events"],
);

const deploy = shape(
  "One commit.",
  {
    commit: text("Its id."),
    subject: text("The first line of its message."),
    author: text("Who wrote it."),
    pusher: text("Who pushed it to the hosted repository, when he had to log in."),
    time: text("When it arrived."),
    result: text("What became of it.", "applied", "rejected", "rolled-back"),
    revisions: list("The store's revisions that hold it.", number("One of them.", "integer")),
    appliedMs: number("From its arrival until it was stored, in milliseconds."),
    healthyMs: number("From its arrival until everything was healthy; missing while it is not."),
    superseded: flag("Whether a newer one took over before."),
    plan: lines("What it did."),
    problems: lines("Why it was rejected."),
  },
  ["pusher", "revisions", "appliedMs", "healthyMs", "superseded"],
);

/** What status.json holds, version 1. Fields may be added within a version; none changes its meaning. Published beside it. */
export const STATUS_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Status of a Mainstay cluster, version 1",
  ...shape(
    "What is wanted, what runs, and how it fares. Times are RFC 3339 in UTC.",
    {
      schemaVersion: { description: "Version of this form.", type: "integer", enum: [1] },
      cluster: text("Name of the cluster."),
      repository: shape("What is followed.", { url: text("Where the repository is, without credentials."), branch: text("What of it is followed.") }),
      sync: shape(
        "What stands between the repository and the cluster.",
        {
          state: text("How far the newest commit is.", "empty", "syncing", "applied", "rejected", "unreachable", "unreadable", "deleted"),
          message: text("More about it."),
          newest: text("The newest commit when it is not the one that runs."),
          problems: lines("Why a commit is rejected."),
        },
        ["message", "newest", "problems"],
      ),
      commit: shape("The commit that runs; missing before the first.", {
        id: text("Its id."),
        subject: text("The first line of its message."),
        author: text("Who wrote it."),
      }),
      repositories: list(
        "Further repositories of the cluster.",
        shape(
          "One of them.",
          {
            name: text("Its name."),
            url: text("Where it is, without credentials."),
            branch: text("What of it is followed."),
            state: text("How far its newest commit is.", "empty", "syncing", "applied", "rejected", "unreachable", "unreadable", "deleted"),
            message: text("More about it."),
            commit: shape("Its commit that runs; missing before the first.", {
              id: text("Its id."),
              subject: text("The first line of its message."),
              author: text("Who wrote it."),
            }),
            applications: number("How many it has.", "integer"),
            healthy: number("How many of them are healthy.", "integer"),
          },
          ["message", "commit"],
        ),
      ),
      applications: list("Folders that are applied and reported as one.", application),
      nodes: list(
        "The machines.",
        shape("One machine.", {
          name: text("Its name."),
          ready: flag("Whether it takes part."),
          reason: text("Why it does not."),
          since: text("When that last changed."),
          address: text("Where it is reached."),
          version: text("Version of its agent."),
          capacity: text("What it has."),
        }),
      ),
      deploys: list("The newest commits, newest first.", deploy),
      drift: list(
        "Changes in the cluster that were put back, newest first.",
        shape(
          "One change.",
          {
            time: text("When it was put back."),
            object: text("Where it was."),
            change: text("What was put back."),
            writer: text("Who had changed it."),
            source: text("Where the repository says what it must be."),
          },
          ["source"],
        ),
      ),
      incidents: list(
        "Applications that were degraded for long.",
        shape(
          "One incident.",
          {
            file: text("Its page."),
            application: text("Which application."),
            opened: text("Since when."),
            closed: text("Until when; missing while it is open."),
            reason: text("Why it was degraded."),
          },
          ["closed"],
        ),
      ),
      notices: lines("What a reader of the repository should know."),
      previews: list(
        "Requests and branches that run in a namespace of their own.",
        shape("One preview.", {
          name: text("Branch or request."),
          ref: text("Where its commits are."),
          namespace: text("Its namespace; empty once it is gone."),
          state: text(
            "How it fares. Refused: its commit cannot be applied, and what ran before goes on. Waiting: there are enough others, or it is of a fork.",
            ...HEALTH,
            "Refused",
            "Waiting",
            "Expired",
            "Leaving",
          ),
          commit: text("Its head."),
          reason: text("Why it is not healthy."),
          expires: text("When it is taken away unless something is pushed to it."),
          problems: lines("Why its commit cannot be applied."),
          notices: lines("What a reader should know of it."),
          applications: list("What runs in it.", application),
        }),
      ),
      plans: list(
        "What merging branches and requests would do.",
        shape(
          "One plan.",
          {
            branch: text("Branch or request."),
            commit: text("Its head."),
            base: text("What ran when it was made."),
            summary: text("The plan in a line."),
            file: text("The page with all of it."),
            digest: text("Of that page."),
          },
          ["base"],
        ),
      ),
    },
    ["commit", "repositories", "plans", "previews"],
  ),
} as const;
