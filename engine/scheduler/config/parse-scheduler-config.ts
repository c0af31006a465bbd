import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { duplicateField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { parseYamlDocuments, YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { SCHEDULER_NAME } from "../scheduler-name.ts";
import { DEFAULT_ARGS, DEFAULT_SETTINGS, type PluginArgs, type ProfileSettings, type SchedulerSettings } from "../scheduler-settings.ts";
import { choosePlugins } from "./choose-plugins.ts";
import { KNOWN_PLUGINS, REMOVED_PLUGINS } from "./known-plugins.ts";
import { pluginArgs } from "./plugin-args.ts";

const API_VERSION = "kubescheduler.config.k8s.io/v1";
const KIND = "KubeSchedulerConfiguration";
const ANY = Number.MIN_SAFE_INTEGER;
/** Taken and without effect: how upstream's program talks to the API, is elected and is looked into. */
const IDLE: Readonly<Record<string, string>> = {
  parallelism: "one pod is decided about at a time, and its nodes one after the other",
  leaderElection: "the scheduler runs where the controllers do, see --controllers",
  clientConnection: "the scheduler is part of the server",
  enableProfiling: "there are no profiles to be had over HTTP",
  enableContentionProfiling: "there are no profiles to be had over HTTP",
  delayCacheUntilActive: "what a server that does not lead keeps is not the scheduler's",
};

export interface ParsedSchedulerConfig {
  readonly settings: SchedulerSettings;
  /** What to say at the start about fields that mean nothing here. */
  readonly notices: readonly string[];
}

/**
 * Reads a KubeSchedulerConfiguration. Throws an Error with every problem, each with `file` and line; what follows a field that cannot be
 * read is not judged.
 */
export function parseSchedulerConfig(text: string, file: string): ParsedSchedulerConfig {
  const document = readDocument(text, file);
  const place = (field: string) => `${file}:${document.lineOf(stepsOf(field))} ${field}`;
  const errors: FieldError[] = [];
  const read = readRoot(document.value, errors);
  const problems = errors.map(({ field, message }) => `${place(field)}: ${message}`);
  if (read instanceof Error) {
    // The first word of what could not be read is the field.
    const [, field, rest] = /^([\w.[\]-]+): (.*)$/s.exec(read.message) ?? [];
    problems.push(field === undefined ? `${file}:${document.line} ${read.message}` : `${place(field)}: ${rest}`);
    throw new Error(problems.join("\n"), { cause: read });
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const { settings, root } = read;
  return {
    settings,
    notices: Object.entries(IDLE).flatMap(([name, why]) => (root.value(name) === undefined ? [] : [`${place(name)} changes nothing: ${why}`])),
  };
}

/** The settings, or what could not be read; `errors` gets what could be read and cannot be. */
function readRoot(value: unknown, errors: FieldError[]): { readonly settings: SchedulerSettings; readonly root: ConfigFields } | Error {
  try {
    const root = new ConfigFields(value, "");
    root.requireKind(KIND, [API_VERSION]);
    root.refuseOthers([
      "apiVersion",
      "kind",
      "profiles",
      "percentageOfNodesToScore",
      "podInitialBackoffSeconds",
      "podMaxBackoffSeconds",
      "extenders",
      ...Object.keys(IDLE),
    ]);
    return { settings: readSettings(root, errors), root };
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function readSettings(root: ConfigFields, errors: FieldError[]): SchedulerSettings {
  const percentageOfNodes = readPercentage(root, "percentageOfNodesToScore", errors) ?? 0;
  const parts = root.list("profiles");
  const profiles = parts.map((part) => readProfile(part, parts.length === 1, percentageOfNodes, errors));
  profiles.forEach(({ schedulerName }, index) => {
    const first = profiles.findIndex((other) => other.schedulerName === schedulerName);
    if (first < index) errors.push(duplicateField(`profiles[${index}].schedulerName`, `profiles[${first}].schedulerName`));
  });
  const initial = root.whole("podInitialBackoffSeconds", ANY) ?? DEFAULT_SETTINGS.initialBackoffMs / 1000;
  const max = root.whole("podMaxBackoffSeconds", ANY) ?? DEFAULT_SETTINGS.maxBackoffMs / 1000;
  if (initial <= 0) errors.push(invalidField("podInitialBackoffSeconds", initial, "must be greater than 0"));
  if (max < initial) errors.push(invalidField("podMaxBackoffSeconds", max, "must be greater than or equal to PodInitialBackoffSeconds"));
  if (root.list("extenders").length > 0)
    errors.push(invalidField("extenders", root.list("extenders").length, "cannot be asked: a decision waits for nobody over the network"));
  return {
    profiles: profiles.length === 0 ? DEFAULT_SETTINGS.profiles.map((profile) => ({ ...profile, percentageOfNodes })) : profiles,
    initialBackoffMs: initial * 1000,
    maxBackoffMs: max * 1000,
  };
}

function readProfile(part: ConfigFields, isAlone: boolean, usualPercentage: number, errors: FieldError[]): ProfileSettings {
  part.refuseOthers(["schedulerName", "percentageOfNodesToScore", "plugins", "pluginConfig"]);
  const schedulerName = part.text("schedulerName") ?? (isAlone ? SCHEDULER_NAME : "");
  if (schedulerName === "") errors.push(requiredField(`${part.path}.schedulerName`));
  const percentageOfNodes = readPercentage(part, `${part.path}.percentageOfNodesToScore`, errors) ?? usualPercentage;
  const plugins = choosePlugins(part.part("plugins"), `${part.path}.plugins`, schedulerName, errors);
  return { schedulerName, percentageOfNodes, ...plugins, args: readArgs(part, errors) };
}

function readPercentage(fields: ConfigFields, at: string, errors: FieldError[]): number | undefined {
  const percentage = fields.whole("percentageOfNodesToScore", ANY);
  if (percentage !== undefined && (percentage < 0 || percentage > 100)) errors.push(invalidField(at, percentage, "not in valid range [0-100]"));
  return percentage;
}

function readArgs(profile: ConfigFields, errors: FieldError[]): PluginArgs {
  const seen = new Set<string>();
  return profile.list("pluginConfig").reduce<PluginArgs>((args, part) => {
    part.refuseOthers(["name", "args"]);
    const name = part.required("name");
    if (seen.has(name)) errors.push(duplicateField(part.path, name));
    seen.add(name);
    const read = pluginArgs[name];
    if (REMOVED_PLUGINS.includes(name))
      errors.push(invalidField(part.path, name, `was invalid in version "${API_VERSION}" (${KIND} is version "${API_VERSION}")`));
    else if (read === undefined)
      errors.push(invalidField(part.path, name, KNOWN_PLUGINS.some((plugin) => plugin.name === name) ? "takes no arguments" : "does not exist"));
    const given = part.part("args");
    if (read === undefined || given === undefined) return args;
    const [apiVersion, kind] = [given.text("apiVersion") ?? API_VERSION, given.text("kind") ?? `${name}Args`];
    if (apiVersion !== API_VERSION || kind !== `${name}Args`)
      errors.push(invalidField(`${part.path}.args`, `${apiVersion} ${kind}`, "has to match plugin args"));
    return read(given, args, errors);
  }, DEFAULT_ARGS);
}

function readDocument(text: string, file: string): YamlDocument {
  try {
    const [document, ...others] = parseYamlDocuments(text);
    if (document === undefined || others.length > 0) throw new Error(`${file}: must hold one ${KIND} of ${API_VERSION}`);
    return document;
  } catch (error) {
    throw error instanceof YamlError ? new Error(`${file}:${error.line} ${error.message}`) : error;
  }
}

/** `profiles[0].plugins` as the steps to it. */
function stepsOf(field: string): readonly (string | number)[] {
  return field
    .split(/[.[\]]+/)
    .filter((step) => step !== "")
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
