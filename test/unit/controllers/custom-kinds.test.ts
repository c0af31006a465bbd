import { describe, expect, it } from "vitest";
import { planRegistration } from "../../../engine/controllers/custom-kinds/api-registration.ts";
import { planCustomKind, type Leftovers } from "../../../engine/controllers/custom-kinds/custom-kind-plan.ts";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import type { APIService, CustomResourceDefinition } from "../../../engine/resources/types.ts";

const NOW = Date.parse("2024-01-01T00:00:00Z");
const NAMES = { plural: "boats", singular: "boat", kind: "Boat", listKind: "BoatList", shortNames: ["bt"] };

function definition(change: { readonly names?: object; readonly status?: object; readonly metadata?: object; readonly schema?: object } = {}): CustomResourceDefinition {
  const schema = { openAPIV3Schema: change.schema ?? { type: "object" } };
  const spec = { group: "sea.example", scope: "Namespaced", names: { ...NAMES, ...change.names }, versions: [{ name: "v1", served: true, storage: true, schema }] };
  return {
    metadata: { name: "boats.sea.example", finalizers: ["customresourcecleanup.apiextensions.k8s.io"], ...change.metadata },
    spec,
    status: { storedVersions: ["v1"], ...change.status },
  } as unknown as CustomResourceDefinition; // parts of it will do
}

function accepted(names: object): CustomResourceDefinition {
  return definition({ status: { acceptedNames: { plural: "others", kind: "Other", ...names } } });
}

function plan(subject: CustomResourceDefinition, others: readonly CustomResourceDefinition[] = [], leftovers?: Leftovers): readonly Action[] {
  return planCustomKind({ definition: subject, others, leftovers }, 1_000, NOW);
}

/** The conditions and names that a plan writes. */
function written(actions: readonly Action[]) {
  const status = actions.flatMap((action) => (action.do === "update" ? [(action.object as unknown as CustomResourceDefinition).status] : []))[0]; // these plans write nothing else
  return { names: status?.acceptedNames, conditions: Object.fromEntries((status?.conditions ?? []).map(({ type, status: value, reason, message }) => [type, [value, reason, message].join("/")])) };
}

const ESTABLISHED = "True/InitialNamesAccepted/the initial names have been accepted";

describe("the names of a custom kind", () => {
  it("are accepted when nobody has them, and the kind established", () => {
    const { names, conditions } = written(plan(definition()));
    expect(names).toEqual(NAMES);
    expect(conditions).toEqual({ NamesAccepted: "True/NoConflicts/no conflicts found", Established: ESTABLISHED });
  });

  it.each<[string, object, string]>([
    ["plural", { singular: "boats" }, `False/PluralConflict/"boats" is already in use`],
    ["singular", { shortNames: ["boat"] }, `False/SingularConflict/"boat" is already in use`],
    ["short name", { plural: "bt" }, `False/ShortNamesConflict/"bt" is already in use`],
    ["kind", { listKind: "Boat" }, `False/KindConflict/"Boat" is already in use`],
    ["kind of lists", { kind: "BoatList" }, `False/ListKindConflict/"BoatList" is already in use`],
  ])("are refused when another one has the %s", (_what, others, expected) => {
    expect(written(plan(definition(), [accepted(others)])).conditions).toEqual({ NamesAccepted: expected, Established: "False/NotAccepted/not all names are accepted" });
  });

  it("stay the kind's own when it changes to some that are taken", () => {
    const subject = definition({
      names: { shortNames: ["sail"] },
      status: { acceptedNames: NAMES, conditions: [{ type: "Established", status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" }] },
    });
    const { names, conditions } = written(plan(subject, [accepted({ shortNames: ["sail"] })]));
    expect(names?.shortNames).toEqual(["bt"]);
    expect(conditions).toEqual({ NamesAccepted: `False/ShortNamesConflict/"sail" is already in use`, Established: ESTABLISHED });
  });

  it("need no second look", () => {
    const [action] = plan(definition());
    expect(action?.do === "update" ? plan(action.object as unknown as CustomResourceDefinition) : undefined).toEqual([]); // the definition, with its new status
  });
});

describe("a custom kind", () => {
  const inGroup = (group: string, approval?: string) => {
    const subject = definition(approval === undefined ? {} : { metadata: { annotations: { "api-approved.kubernetes.io": approval } } });
    return written(plan({ ...subject, spec: { ...subject.spec, group } })).conditions["KubernetesAPIApprovalPolicyConformant"];
  };

  it.each<[string, string | undefined, string]>([
    ["approved", "https://example.com/pull/1", "True/ApprovedAnnotation/approved in https://example.com/pull/1"],
    ["knowingly unapproved", "unapproved, a trial", 'False/UnapprovedAnnotation/not approved: "unapproved, a trial"'],
    ["silent", undefined, 'False/MissingAnnotation/protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'],
  ])("in a group of the community's says whether it was approved: %s", (_what, approval, expected) => {
    expect(inGroup("sigs.k8s.io", approval)).toBe(expected);
    expect(inGroup("sea.example", approval)).toBeUndefined();
  });

  it("whose conversions go to a webhook that nobody can trust is not established", () => {
    const withBundle = (caBundle: string) => {
      const subject = definition();
      return written(
        plan({ ...subject, spec: { ...subject.spec, conversion: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: "https://localhost", caBundle } } } } }),
      ).conditions["Established"];
    };
    expect(withBundle(Buffer.from("\n").toString("base64"))).toBe("False/InvalidCABundle/The conversion webhook CABundle is invalid");
    expect(withBundle("")).toBe(ESTABLISHED);
  });
});

it("a schema from elsewhere that is not structural is pointed out", () => {
  expect(written(plan(definition({ schema: { properties: { a: { type: "string" } } } }))).conditions["NonStructuralSchema"]).toBe(
    "True/Violations/spec.versions[0].schema.openAPIV3Schema.type: Required value: must not be empty at the root",
  );
});

describe("a custom kind that is being deleted", () => {
  const resource = { group: "sea.example", version: "v1", resource: "boats" } as unknown as Leftovers["resource"]; // only handed on
  const object = (namespace: string, more: object = {}) => ({ apiVersion: "sea.example/v1", kind: "Boat", metadata: { name: "x", namespace, ...more } });
  const established = [{ type: "Established", status: "True" }];
  const WITHOUT_FINALIZERS = expect.not.objectContaining({ finalizers: expect.anything() as unknown }) as object;
  const dying = (status: object = { conditions: established }) => definition({ metadata: { deletionTimestamp: "2024-01-01T00:00:00Z" }, status });

  it("goes when it never was one", () => {
    const actions = plan(dying({}));
    expect(actions).toMatchObject([{ do: "update", object: { metadata: WITHOUT_FINALIZERS } }]);
    expect(written(actions).conditions["Terminating"]).toBe("False/NeverEstablished/resource was never established");
  });

  it("goes when its objects are gone", () => {
    const actions = plan(dying(), [], { resource, objects: [] });
    expect(actions).toMatchObject([{ do: "update", object: { metadata: WITHOUT_FINALIZERS } }]);
    expect(written(actions).conditions["Terminating"]).toBe("False/InstanceDeletionCompleted/removed all instances");
  });

  it("has its objects deleted, namespace by namespace, and waits for those that take their time", () => {
    const actions = plan(dying(), [], { resource, objects: [object("a"), object("a"), object("b", { deletionTimestamp: "2024-01-01T00:00:00Z" })] });
    expect(actions.map((action) => action.do)).toEqual(["wait", "update", "deleteCollection"]);
    expect(actions).toContainEqual({ do: "deleteCollection", resource, namespace: "a" });
    expect(written(actions).conditions["Terminating"]).toBe("True/InstanceDeletionInProgress/CustomResource deletion is in progress");
  });
});

describe("the APIService of custom kinds", () => {
  const own = {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1.sea.example", labels: { "kube-aggregator.kubernetes.io/automanaged": "true" } },
    spec: { group: "sea.example", version: "v1", groupPriorityMinimum: 1000, versionPriority: 100 },
  } as APIService;
  const of = (isServed: boolean, existing?: APIService) => planRegistration({ group: "sea.example", version: "v1", isServed, existing });

  it("is made", () => {
    expect(of(true)).toMatchObject([{ do: "create", object: { metadata: own.metadata, spec: own.spec } }]);
  });

  it("is deleted after the last of them", () => {
    expect(of(false, own)).toMatchObject([{ do: "delete", object: own }]);
  });

  it("is left alone while it is right, and when it is somebody else's", () => {
    expect(of(true, own)).toEqual([]);
    expect(of(false, { ...own, metadata: { name: "v1.sea.example" } })).toEqual([]);
    expect(of(false)).toEqual([]);
  });
});
