/** What commits of the simulated repository hold, as values that a history changes and a mirror of the store is held against. */

export interface SimObject {
  readonly kind: "ConfigMap" | "Deployment" | "Service";
  /** As the file says it; a kustomized application puts its prefix before it. */
  readonly name: string;
  /** What of it changes: data, an environment variable, a selector. */
  readonly value: number;
}

export interface SimUnit {
  /** `apps/web`; its last part is the application's name. */
  readonly folder: string;
  readonly objects: readonly SimObject[];
  readonly isKustomized: boolean;
}

export interface SimRepository {
  readonly units: readonly SimUnit[];
  /** Applications below apps/ wait for those below infra/, and objects whose name ends in -late for the rest of theirs. */
  readonly isOrdered: boolean;
}

export const NAMESPACE = "default";
const PREFIX = "k-";
const KINDS = { ConfigMap: "v1", Service: "v1", Deployment: "apps/v1" } as const;

/** Who holds an object and what it says: what must be in the store, by `Kind/name`. */
export function wantedObjects({ units }: SimRepository): ReadonlyMap<string, string> {
  return new Map(units.flatMap((unit) => unit.objects.map((object) => [`${object.kind}/${nameIn(unit, object)}`, `${unitName(unit)} ${object.value}`] as const)));
}

/** Each object once: applications that took others' folders may name the same. Those that lose everything go. */
export function withoutTwins(repository: SimRepository): SimRepository {
  const seen = new Set<string>();
  const isNew = (key: string) => !seen.has(key) && seen.add(key) !== undefined;
  const units = repository.units.map((unit) => ({ ...unit, objects: unit.objects.filter((object) => isNew(`${object.kind}/${nameIn(unit, object)}`)) }));
  return { ...repository, units: units.filter(({ objects }) => objects.length > 0) };
}

export function unitName({ folder }: SimUnit): string {
  return folder.slice(folder.indexOf("/") + 1);
}

function nameIn({ isKustomized }: SimUnit, { name }: SimObject): string {
  return isKustomized ? `${PREFIX}${name}` : name;
}

/** The commit's files. Equal repositories give equal files but for the serial, which makes each commit another one. */
export function filesOf(repository: SimRepository, serial: number): Record<string, string> {
  const files: Record<string, string> = { "README.md": `${serial}\n` };
  if (repository.isOrdered) files["mainstay.yaml"] = 'apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: "infra/*"}\n- {path: "apps/*", dependsOn: ["infra/*"]}\n';
  for (const unit of repository.units) {
    // Two files, so that objects move between them and a commit changes one of several.
    for (const kind of ["ConfigMap", "other"] as const) {
      const objects = unit.objects.filter((object) => (object.kind === "ConfigMap") === (kind === "ConfigMap"));
      if (objects.length > 0) files[`${unit.folder}/${kind === "ConfigMap" ? "settings" : "app"}.yaml`] = objects.map(manifestOf).join("---\n");
    }
    if (unit.isKustomized) {
      const resources = ["settings.yaml", "app.yaml"].filter((name) => files[`${unit.folder}/${name}`] !== undefined);
      files[`${unit.folder}/kustomization.yaml`] = `namePrefix: ${PREFIX}\nresources: [${resources.join(", ")}]\n`;
    }
  }
  return files;
}

export function manifestOf({ kind, name, value }: SimObject): string {
  const annotations = name.endsWith("-late") ? ', annotations: {mainstay.dev/wave: "1"}' : "";
  const head = `apiVersion: ${KINDS[kind]}\nkind: ${kind}\nmetadata: {name: ${name}${annotations}}\n`;
  if (kind === "ConfigMap") return `${head}data: {value: "${value}"}\n`;
  if (kind === "Service") return `${head}spec: {selector: {app: ${name}, value: "${value}"}, ports: [{port: 80}]}\n`;
  return `${head}spec:
  replicas: 0
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: main, image: mainstay.local/web, env: [{name: VALUE, value: "${value}"}]}]}
`;
}

/** As much of a stored object as Git states, in the form of `wantedObjects`. */
export interface StoredForm {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: { readonly value?: string };
    readonly template?: { readonly spec: { readonly containers: readonly { readonly env?: readonly { readonly value?: string }[] }[] } };
  };
}

export function contentOf({ kind, metadata, data, spec }: StoredForm): string {
  const unit = metadata.labels?.["mainstay.dev/application"] ?? "nobody";
  if (kind === "ConfigMap") return `${unit} ${data?.["value"]}`;
  if (kind === "Service") return `${unit} ${spec?.selector?.value}`;
  return `${unit} ${spec?.template?.spec.containers[0]?.env?.[0]?.value}${spec?.replicas === 0 ? "" : ` ×${spec?.replicas}`}`;
}
