// Generated from schemas/ by `npm run generate`; do not edit.

/**
 * Puts a policy that makes changes into effect, with parameters, for some requests.
 */
export interface MutatingAdmissionPolicyBinding {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: MutatingAdmissionPolicyBindingSpec
}
/**
 * What every object has: its name, labels, owners and history.
 */
export interface ObjectMeta {
/**
 * Name of the object, unique among its kind in its namespace. Cannot change.
 */
readonly name?: string
/**
 * Beginning of a name that the system completes when name is empty.
 */
readonly generateName?: string
/**
 * Namespace of the object; empty for cluster-scoped kinds. Cannot change.
 */
readonly namespace?: string
/**
 * No longer used.
 */
readonly selfLink?: string
/**
 * Unique in time and space; given by the system.
 */
readonly uid?: string
/**
 * Changes with every write. Sent along with an update, it makes the update fail if the object has changed since.
 */
readonly resourceVersion?: string
/**
 * Raised by the system whenever the wanted state changes.
 */
readonly generation?: number
/**
 * CreationTimestamp is a timestamp of the server's making of the object; clients cannot set it.
 */
readonly creationTimestamp?: string
/**
 * When the object is due to go; set by the system when it is deleted with a grace period or finalizers.
 */
readonly deletionTimestamp?: string
/**
 * Seconds the object was given to end.
 */
readonly deletionGracePeriodSeconds?: number
/**
 * Keys and values to select objects by.
 */
readonly labels?: {
readonly [k: string]: string
}
/**
 * Keys and values for people and tools; not for selecting.
 */
readonly annotations?: {
readonly [k: string]: string
}
/**
 * Objects this one belongs to. It is deleted when all of them are gone.
 */
readonly ownerReferences?: readonly OwnerReference[]
/**
 * Those who must act before a deleted object is removed; each takes its own name off.
 */
readonly finalizers?: readonly string[]
/**
 * Which client has set which fields.
 */
readonly managedFields?: readonly ManagedFieldsEntry[]
}
/**
 * An object that another one belongs to, in the same namespace or cluster-scoped.
 */
export interface OwnerReference {
/**
 * Its kind.
 */
readonly kind: string
/**
 * Its name.
 */
readonly name: string
/**
 * Its uid.
 */
readonly uid: string
/**
 * Its API version.
 */
readonly apiVersion: string
/**
 * Whether it manages the object; at most one owner does.
 */
readonly controller?: boolean
/**
 * Whether the owner, when deleted in the foreground, waits until this object is gone.
 */
readonly blockOwnerDeletion?: boolean
}
/**
 * The fields that one client has set.
 */
export interface ManagedFieldsEntry {
/**
 * Name of the client.
 */
readonly manager?: string
/**
 * Apply, or Update for every other kind of write.
 */
readonly operation?: string
/**
 * API version the fields were written in.
 */
readonly apiVersion?: string
/**
 * When the entry last changed.
 */
readonly time?: string
/**
 * Format of the fields; always FieldsV1.
 */
readonly fieldsType?: string
/**
 * The fields, as a tree of f:, k: and v: keys.
 */
readonly fieldsV1?: Record<string, unknown>
/**
 * Subresource the write went through; empty for the object itself.
 */
readonly subresource?: string
}
/**
 * Which policy, with which parameters.
 */
export interface MutatingAdmissionPolicyBindingSpec {
/**
 * Name of the policy that is put into effect.
 */
readonly policyName?: string
readonly paramRef?: ParamRef
readonly matchResources?: MatchResources
}
/**
 * Objects that parametrise a policy; it is asked about once per object.
 */
export interface ParamRef {
/**
 * Name of the object. Exclusive with selector.
 */
readonly name?: string
/**
 * Namespace of the objects. When absent, that of the request, where the kind has namespaces.
 */
readonly namespace?: string
readonly selector?: LabelSelector
/**
 * What it means that there are no such objects: Allow lets requests pass, Deny applies the failure policy.
 */
readonly parameterNotFoundAction?: string
}
/**
 * Chooses objects by their labels. All parts must hold; an empty selector chooses everything.
 */
export interface LabelSelector {
/**
 * Labels with exactly these values.
 */
readonly matchLabels?: {
readonly [k: string]: string
}
/**
 * Further requirements.
 */
readonly matchExpressions?: readonly LabelSelectorRequirement[]
}
/**
 * One requirement on a label.
 */
export interface LabelSelectorRequirement {
/**
 * The label.
 */
readonly key: string
/**
 * In, NotIn, Exists or DoesNotExist.
 */
readonly operator: string
/**
 * Values for In and NotIn; none for the others.
 */
readonly values?: readonly string[]
}
/**
 * Which requests something is about: all parts must match.
 */
export interface MatchResources {
readonly namespaceSelector?: LabelSelector
readonly objectSelector?: LabelSelector
/**
 * Operations on resources; one of them must match.
 */
readonly resourceRules?: readonly NamedRuleWithOperations[]
/**
 * Operations on resources that are left out again.
 */
readonly excludeResourceRules?: readonly NamedRuleWithOperations[]
/**
 * Exact means only the very versions that rules name; Equivalent also the same resources in other versions.
 */
readonly matchPolicy?: string
}
/**
 * Operations on resources, perhaps only those of certain names.
 */
export interface NamedRuleWithOperations {
/**
 * Names of the objects; all when empty.
 */
readonly resourceNames?: readonly string[]
/**
 * CREATE, UPDATE, DELETE or CONNECT, or only an asterisk for all.
 */
readonly operations?: readonly string[]
/**
 * Groups of the resources, or only an asterisk for all.
 */
readonly apiGroups?: readonly string[]
/**
 * Versions of the resources, or only an asterisk for all.
 */
readonly apiVersions?: readonly string[]
/**
 * Names of resources. An asterisk means all without subresources, pods/* all subresources of pods, * /scale every scale, * /* everything.
 */
readonly resources?: readonly string[]
/**
 * Cluster, Namespaced, or an asterisk for both. Subresources have the scope of their resource.
 */
readonly scope?: string
}
/**
 * Changes in CEL that are made to objects as they are written; it takes effect through its bindings.
 */
export interface MutatingAdmissionPolicy {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: MutatingAdmissionPolicySpec
}
/**
 * The changes that a policy makes, and to which objects.
 */
export interface MutatingAdmissionPolicySpec {
readonly paramKind?: ParamKind
readonly matchConstraints?: MatchResources
/**
 * Named expressions, each worked out once and only when used; later ones may use earlier ones.
 */
readonly variables?: readonly Variable[]
/**
 * The changes, made one after another.
 */
readonly mutations?: readonly Mutation[]
/**
 * What an expression that fails, or a wrong configuration, means: Fail refuses the request, Ignore lets it pass.
 */
readonly failurePolicy?: string
/**
 * CEL expressions that must all be true for the policy to be about a request; at most 64.
 */
readonly matchConditions?: readonly MatchCondition[]
/**
 * IfNeeded asks the policy again when others have changed the object after it; Never does not.
 */
readonly reinvocationPolicy?: string
}
/**
 * A kind of objects that parametrise policies.
 */
export interface ParamKind {
/**
 * Group and version of the kind.
 */
readonly apiVersion?: string
/**
 * Name of the kind.
 */
readonly kind?: string
}
/**
 * An expression with a name, used as variables.name.
 */
export interface Variable {
/**
 * Name of the variable, an identifier of CEL.
 */
readonly name: string
/**
 * CEL for the value of the variable, over the same names as validations.
 */
readonly expression: string
}
/**
 * One change, in one of two forms.
 */
export interface Mutation {
/**
 * ApplyConfiguration or JSONPatch.
 */
readonly patchType: string
readonly applyConfiguration?: ApplyConfiguration
readonly jsonPatch?: JSONPatch
}
/**
 * Fields that the object shall have, merged into it as server-side apply does.
 */
export interface ApplyConfiguration {
/**
 * CEL whose value is an Object{} with the wanted fields. Lists that are replaced as a whole cannot be changed this way.
 */
readonly expression?: string
}
/**
 * Operations on the fields of the object, as in RFC 6902.
 */
export interface JSONPatch {
/**
 * CEL whose value is a list of JSONPatch{op, path, from, value}; jsonpatch.escapeKey() helps with keys in paths.
 */
readonly expression?: string
}
/**
 * A named condition on requests.
 */
export interface MatchCondition {
/**
 * Name of the condition, unique in its list, such as example.com/not-a-node.
 */
readonly name: string
/**
 * CEL over object, oldObject, request, params and authorizer. Its value is a boolean.
 */
readonly expression: string
}
/**
 * Webhooks that look at requests, and may refuse or change them.
 */
export interface MutatingWebhookConfiguration {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The webhooks; their names are unique.
 */
readonly webhooks?: readonly MutatingWebhook[]
}
/**
 * A webhook that may change and refuse requests, and which requests it is asked about.
 */
export interface MutatingWebhook {
/**
 * A name of the webhook with at least three parts separated by dots, such as images.policy.example.com.
 */
readonly name: string
readonly clientConfig: AdmissionregistrationV1WebhookClientConfig
/**
 * Which operations on which resources the webhook is asked about; one of them must match. Configurations of webhooks and policies are never sent.
 */
readonly rules?: readonly RuleWithOperations[]
/**
 * What a webhook that cannot be asked means: Fail refuses the request, Ignore lets it pass.
 */
readonly failurePolicy?: string
/**
 * Exact asks only about the very version that a rule names; Equivalent also about the same resource in another version.
 */
readonly matchPolicy?: string
readonly namespaceSelector?: LabelSelector
readonly objectSelector?: LabelSelector
/**
 * Whether asking changes anything elsewhere: None, or NoneOnDryRun when it does not for dry runs.
 */
readonly sideEffects: string
/**
 * How long the answer may take, from 1 to 30 seconds.
 */
readonly timeoutSeconds?: number
/**
 * Versions of AdmissionReview that the webhook understands, best first; the first one that the server knows is sent.
 */
readonly admissionReviewVersions: readonly string[]
/**
 * IfNeeded asks the webhook again when others have changed the object after it; Never does not.
 */
readonly reinvocationPolicy?: string
/**
 * CEL expressions that must all be true for the webhook to be asked; at most 64.
 */
readonly matchConditions?: readonly MatchCondition[]
}
/**
 * Where a webhook is: an address, or a Service of the cluster.
 */
export interface AdmissionregistrationV1WebhookClientConfig {
readonly service?: AdmissionregistrationV1ServiceReference
/**
 * An https address without user, query or fragment. Its host should be outside of the cluster.
 */
readonly url?: string
/**
 * Certificates in PEM form that the server of the webhook is checked against; those of the machine when it is absent.
 */
readonly caBundle?: string
}
/**
 * A Service, and what to ask there.
 */
export interface AdmissionregistrationV1ServiceReference {
/**
 * Namespace of the Service.
 */
readonly namespace: string
/**
 * Name of the Service.
 */
readonly name: string
/**
 * Path of the request.
 */
readonly path?: string
/**
 * Port of the Service.
 */
readonly port?: number
}
/**
 * Operations on resources; a request matches when each part does.
 */
export interface RuleWithOperations {
/**
 * CREATE, UPDATE, DELETE or CONNECT, or only an asterisk for all.
 */
readonly operations?: readonly string[]
/**
 * Groups of the resources, or only an asterisk for all.
 */
readonly apiGroups?: readonly string[]
/**
 * Versions of the resources, or only an asterisk for all.
 */
readonly apiVersions?: readonly string[]
/**
 * Names of resources. An asterisk means all without subresources, pods/* all subresources of pods, * /scale every scale, * /* everything.
 */
readonly resources?: readonly string[]
/**
 * Cluster, Namespaced, or an asterisk for both. Subresources have the scope of their resource.
 */
readonly scope?: string
}
/**
 * Puts a policy into effect, with parameters, for some requests.
 */
export interface ValidatingAdmissionPolicyBinding {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ValidatingAdmissionPolicyBindingSpec
}
/**
 * Which policy, with which parameters, and what breaking it means.
 */
export interface ValidatingAdmissionPolicyBindingSpec {
/**
 * Name of the policy that is put into effect.
 */
readonly policyName: string
readonly paramRef?: ParamRef
readonly matchResources?: MatchResources
/**
 * What breaking the policy means: Deny, Warn or Audit, of which Deny and Warn exclude each other.
 */
readonly validationActions: readonly string[]
}
/**
 * Rules in CEL that requests must satisfy; it takes effect through its bindings.
 */
export interface ValidatingAdmissionPolicy {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ValidatingAdmissionPolicySpec
readonly status?: ValidatingAdmissionPolicyStatus
}
/**
 * The rules of a policy, and which requests they are about.
 */
export interface ValidatingAdmissionPolicySpec {
readonly paramKind?: ParamKind
readonly matchConstraints?: MatchResources
/**
 * Expressions that must be true.
 */
readonly validations?: readonly Validation[]
/**
 * What an expression that fails, or a wrong configuration, means: Fail refuses the request, Ignore lets it pass.
 */
readonly failurePolicy?: string
/**
 * What is noted in the audit log about matching requests; at most 20.
 */
readonly auditAnnotations?: readonly AuditAnnotation[]
/**
 * CEL expressions that must all be true for the policy to be about a request; at most 64.
 */
readonly matchConditions?: readonly MatchCondition[]
/**
 * Named expressions, each worked out once and only when used; later ones may use earlier ones.
 */
readonly variables?: readonly Variable[]
}
/**
 * One expression that must be true, and what is said when it is not.
 */
export interface Validation {
/**
 * CEL over object, oldObject, request, params, namespaceObject, variables and authorizer. Its value is a boolean.
 */
readonly expression: string
/**
 * What the writer is told, on one line; the expression itself when absent.
 */
readonly message?: string
/**
 * Reason of the answer: Forbidden, Invalid or RequestEntityTooLarge; Invalid when absent.
 */
readonly reason?: string
/**
 * CEL for the message; message is used when this fails or gives nothing usable. It may not ask the authorizer.
 */
readonly messageExpression?: string
}
/**
 * Something to note in the audit log about a request.
 */
export interface AuditAnnotation {
/**
 * Name of the note; the name of the policy and a slash are put before it.
 */
readonly key: string
/**
 * CEL for the text of the note; nothing is noted when its value is null.
 */
readonly valueExpression: string
}
/**
 * What the system has found out about a policy.
 */
export interface ValidatingAdmissionPolicyStatus {
/**
 * Generation of the spec that was checked.
 */
readonly observedGeneration?: number
readonly typeChecking?: TypeChecking
/**
 * Further facts about the policy.
 */
readonly conditions?: readonly Condition[]
}
/**
 * What checking the types of expressions has found.
 */
export interface TypeChecking {
/**
 * One warning per expression that has a problem.
 */
readonly expressionWarnings?: readonly ExpressionWarning[]
}
/**
 * A problem of one expression.
 */
export interface ExpressionWarning {
/**
 * Where the expression is, such as spec.validations[0].expression.
 */
readonly fieldRef: string
/**
 * The problem, per kind that the policy is about.
 */
readonly warning: string
}
/**
 * One fact about an object's state.
 */
export interface Condition {
/**
 * What it is about, in CamelCase.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * Generation of the spec that the condition is about.
 */
readonly observedGeneration?: number
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason: string
/**
 * A sentence on why, for people.
 */
readonly message: string
}
/**
 * Webhooks that look at requests, and may refuse them, without changing them.
 */
export interface ValidatingWebhookConfiguration {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The webhooks; their names are unique.
 */
readonly webhooks?: readonly ValidatingWebhook[]
}
/**
 * A webhook that may refuse requests, and which requests it is asked about.
 */
export interface ValidatingWebhook {
/**
 * A name of the webhook with at least three parts separated by dots, such as images.policy.example.com.
 */
readonly name: string
readonly clientConfig: AdmissionregistrationV1WebhookClientConfig
/**
 * Which operations on which resources the webhook is asked about; one of them must match. Configurations of webhooks and policies are never sent.
 */
readonly rules?: readonly RuleWithOperations[]
/**
 * What a webhook that cannot be asked means: Fail refuses the request, Ignore lets it pass.
 */
readonly failurePolicy?: string
/**
 * Exact asks only about the very version that a rule names; Equivalent also about the same resource in another version.
 */
readonly matchPolicy?: string
readonly namespaceSelector?: LabelSelector
readonly objectSelector?: LabelSelector
/**
 * Whether asking changes anything elsewhere: None, or NoneOnDryRun when it does not for dry runs.
 */
readonly sideEffects: string
/**
 * How long the answer may take, from 1 to 30 seconds.
 */
readonly timeoutSeconds?: number
/**
 * Versions of AdmissionReview that the webhook understands, best first; the first one that the server knows is sent.
 */
readonly admissionReviewVersions: readonly string[]
/**
 * CEL expressions that must all be true for the webhook to be asked; at most 64.
 */
readonly matchConditions?: readonly MatchCondition[]
}
/**
 * All groups that are served, with their versions and resources, in one answer.
 */
export interface APIGroupDiscoveryList {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
readonly metadata?: ListMeta
/**
 * The groups, the preferred ones first.
 */
readonly items: readonly APIGroupDiscovery[]
}
/**
 * What every list has.
 */
export interface ListMeta {
/**
 * No longer used.
 */
readonly selfLink?: string
/**
 * State of the store that the list shows; a watch can start from it.
 */
readonly resourceVersion?: string
/**
 * Token for the next page; empty on the last one.
 */
readonly continue?: string
/**
 * Objects on later pages, when known.
 */
readonly remainingItemCount?: number
readonly shardInfo?: ShardInfo
}
/**
 * Part of a collection.
 */
export interface ShardInfo {
/**
 * The shard selector of the request.
 */
readonly selector: string
}
/**
 * A group and all that is served of it.
 */
export interface APIGroupDiscovery {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
readonly metadata?: ObjectMeta
/**
 * The versions that are served, the preferred ones first.
 */
readonly versions?: readonly APIVersionDiscovery[]
}
/**
 * A version of a group, and its resources.
 */
export interface APIVersionDiscovery {
/**
 * The version, without its group.
 */
readonly version: string
/**
 * What is served in this version.
 */
readonly resources?: readonly APIResourceDiscovery[]
/**
 * Current, or Stale when the server behind it did not answer of late.
 */
readonly freshness?: string
}
/**
 * Name, kind and scope of a resource, what may be done with it, and its subresources.
 */
export interface APIResourceDiscovery {
/**
 * Name of the resource in addresses, in the plural.
 */
readonly resource: string
readonly responseKind?: DiscoveryKind
/**
 * Namespaced or Cluster.
 */
readonly scope: string
/**
 * The name in the singular.
 */
readonly singularResource: string
/**
 * What may be done with it.
 */
readonly verbs: readonly string[]
/**
 * Short forms of the name, for people.
 */
readonly shortNames?: readonly string[]
/**
 * Names for several resources at once, such as all.
 */
readonly categories?: readonly string[]
/**
 * What has an address of its own below an object.
 */
readonly subresources?: readonly APISubresourceDiscovery[]
}
/**
 * A kind by its group and version.
 */
export interface DiscoveryKind {
/**
 * Group of the kind.
 */
readonly group: string
/**
 * Version of the kind.
 */
readonly version: string
/**
 * Name of the kind.
 */
readonly kind: string
}
/**
 * A subresource, and what may be done with it.
 */
export interface APISubresourceDiscovery {
/**
 * Last part of its address.
 */
readonly subresource: string
readonly responseKind?: DiscoveryKind
/**
 * Kinds that it takes besides.
 */
readonly acceptedTypes?: readonly DiscoveryKind[]
/**
 * What may be done with it.
 */
readonly verbs: readonly string[]
}
/**
 * A kind of objects that users add to the API.
 */
export interface CustomResourceDefinition {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: CustomResourceDefinitionSpec
readonly status?: CustomResourceDefinitionStatus
}
/**
 * Names, scope and versions of a custom kind.
 */
export interface CustomResourceDefinitionSpec {
/**
 * API group of the kind, a domain with at least one dot.
 */
readonly group: string
readonly names: CustomResourceDefinitionNames
/**
 * Whether objects of the kind lie in namespaces (Namespaced) or belong to the whole cluster (Cluster).
 */
readonly scope: string
/**
 * Versions of the kind; exactly one of them is stored.
 */
readonly versions: readonly CustomResourceDefinitionVersion[]
readonly conversion?: CustomResourceConversion
/**
 * A way of the past to keep fields that no schema describes; must be false.
 */
readonly preserveUnknownFields?: boolean
}
/**
 * What a custom kind and its objects are called.
 */
export interface CustomResourceDefinitionNames {
/**
 * Name in URLs, in lower case and plural, such as crontabs.
 */
readonly plural: string
/**
 * Name of one object on command lines; the kind in lower case when absent.
 */
readonly singular?: string
/**
 * Further names for command lines, such as ct.
 */
readonly shortNames?: readonly string[]
/**
 * Name of the kind in objects, such as CronTab.
 */
readonly kind: string
/**
 * Kind of lists; the kind followed by List when absent.
 */
readonly listKind?: string
/**
 * Groups of kinds on command lines that this one belongs to, such as all.
 */
readonly categories?: readonly string[]
}
/**
 * One version of a custom kind.
 */
export interface CustomResourceDefinitionVersion {
/**
 * Name of the version, such as v1 or v2beta1.
 */
readonly name: string
/**
 * Whether the version is offered by the API.
 */
readonly served?: boolean
/**
 * Whether objects are stored in this version.
 */
readonly storage?: boolean
/**
 * Whether those who use the version are warned.
 */
readonly deprecated?: boolean
/**
 * The text of that warning, instead of the usual one.
 */
readonly deprecationWarning?: string
readonly schema?: CustomResourceValidation
readonly subresources?: CustomResourceSubresources
/**
 * Columns of tables; the age when there are none.
 */
readonly additionalPrinterColumns?: readonly CustomResourceColumnDefinition[]
/**
 * Fields that lists can be narrowed by; at most eight.
 */
readonly selectableFields?: readonly SelectableField[]
}
/**
 * The schema of a version.
 */
export interface CustomResourceValidation {
readonly openAPIV3Schema?: JSONSchemaProps
}
/**
 * A schema of values in JSON, in the form of OpenAPI version 3.
 */
export interface JSONSchemaProps {
/**
 * Not supported.
 */
readonly id?: string
/**
 * Dialect of the schema; without meaning here.
 */
readonly $schema?: string
/**
 * Not supported.
 */
readonly $ref?: string
/**
 * What the value means.
 */
readonly description?: string
/**
 * Type of the value; object, array, string, integer, number or boolean.
 */
readonly type?: string
/**
 * Nearer form of texts and numbers, such as date-time, ipv4 or int32; unknown ones are ignored.
 */
readonly format?: string
/**
 * Name of the type.
 */
readonly title?: string
/**
 * Value that is filled in where none is given.
 */
readonly default?: Record<string, unknown>
/**
 * Largest number.
 */
readonly maximum?: number
/**
 * Whether the largest number itself is too large.
 */
readonly exclusiveMaximum?: boolean
/**
 * Smallest number.
 */
readonly minimum?: number
/**
 * Whether the smallest number itself is too small.
 */
readonly exclusiveMinimum?: boolean
/**
 * Most characters of a text.
 */
readonly maxLength?: number
/**
 * Fewest characters of a text.
 */
readonly minLength?: number
/**
 * Regular expression that texts must match.
 */
readonly pattern?: string
/**
 * Most items of a list.
 */
readonly maxItems?: number
/**
 * Fewest items of a list.
 */
readonly minItems?: number
/**
 * Must not be set; a list of type set has unique items.
 */
readonly uniqueItems?: boolean
/**
 * Numbers must be a multiple of this.
 */
readonly multipleOf?: number
/**
 * The only values there are.
 */
readonly enum?: readonly Record<string, unknown>[]
/**
 * Most fields of an object.
 */
readonly maxProperties?: number
/**
 * Fewest fields of an object.
 */
readonly minProperties?: number
/**
 * Fields that objects must have.
 */
readonly required?: readonly string[]
readonly items?: JSONSchemaProps
/**
 * Schemas that must all hold.
 */
readonly allOf?: readonly JSONSchemaProps[]
/**
 * Schemas of which exactly one must hold.
 */
readonly oneOf?: readonly JSONSchemaProps[]
/**
 * Schemas of which one must hold.
 */
readonly anyOf?: readonly JSONSchemaProps[]
readonly not?: JSONSchemaProps
/**
 * Schemas of the fields of an object.
 */
readonly properties?: {
readonly [k: string]: JSONSchemaProps
}
readonly additionalProperties?: JSONSchemaProps
/**
 * Not supported.
 */
readonly patternProperties?: {
readonly [k: string]: JSONSchemaProps
}
/**
 * Not supported.
 */
readonly dependencies?: {
readonly [k: string]: JSONSchemaProps
}
readonly additionalItems?: JSONSchemaProps
/**
 * Not supported.
 */
readonly definitions?: {
readonly [k: string]: JSONSchemaProps
}
readonly externalDocs?: ExternalDocumentation
/**
 * A value for illustration.
 */
readonly example?: Record<string, unknown>
/**
 * Whether null is a value.
 */
readonly nullable?: boolean
/**
 * Fields that no schema describes are kept.
 */
readonly "x-kubernetes-preserve-unknown-fields"?: boolean
/**
 * The value is a whole object, with apiVersion, kind and metadata.
 */
readonly "x-kubernetes-embedded-resource"?: boolean
/**
 * The value is a number without fraction or a text.
 */
readonly "x-kubernetes-int-or-string"?: boolean
/**
 * Fields that tell the items of a list of type map apart.
 */
readonly "x-kubernetes-list-map-keys"?: readonly string[]
/**
 * How lists are merged; atomic, set or map.
 */
readonly "x-kubernetes-list-type"?: string
/**
 * How objects are merged; granular or atomic.
 */
readonly "x-kubernetes-map-type"?: string
/**
 * Rules in CEL that the value must satisfy.
 */
readonly "x-kubernetes-validations"?: readonly ValidationRule[]
}
/**
 * Where more is written.
 */
export interface ExternalDocumentation {
/**
 * What is written there.
 */
readonly description?: string
/**
 * Its address.
 */
readonly url?: string
}
/**
 * A rule in CEL that values must satisfy.
 */
export interface ValidationRule {
/**
 * Expression over self, and in rules about changes oldSelf, that must be true.
 */
readonly rule: string
/**
 * What is said when it is not.
 */
readonly message?: string
/**
 * Expression that gives what is said instead of the message.
 */
readonly messageExpression?: string
/**
 * Reason of the failure as programs see it; FieldValueInvalid when absent.
 */
readonly reason?: string
/**
 * Path of the field that is to blame, relative to self.
 */
readonly fieldPath?: string
/**
 * Whether oldSelf is an optional, so that the rule also holds for values that are new.
 */
readonly optionalOldSelf?: boolean
}
/**
 * Parts of custom objects with addresses of their own.
 */
export interface CustomResourceSubresources {
/**
 * Objects have a status that is written separately from the rest.
 */
readonly status?: {

}
readonly scale?: CustomResourceSubresourceScale
}
/**
 * Where custom objects keep what scaling needs.
 */
export interface CustomResourceSubresourceScale {
/**
 * Path below .spec of the wanted number of replicas.
 */
readonly specReplicasPath: string
/**
 * Path below .status of the counted number of replicas.
 */
readonly statusReplicasPath: string
/**
 * Path below .spec or .status of a text with the label selector of the replicas; autoscalers need it.
 */
readonly labelSelectorPath?: string
}
/**
 * A column of tables.
 */
export interface CustomResourceColumnDefinition {
/**
 * Head of the column.
 */
readonly name: string
/**
 * Type of the cells; integer, number, string, boolean or date.
 */
readonly type: string
/**
 * Nearer description of the type, for clients.
 */
readonly format?: string
/**
 * What the column shows.
 */
readonly description?: string
/**
 * Zero for columns that are always shown; others appear in wide output.
 */
readonly priority?: number
/**
 * Path of the value in the object.
 */
readonly jsonPath: string
}
/**
 * A field that lists can be narrowed by.
 */
export interface SelectableField {
/**
 * Path of the field; it must hold a text, a number without fraction, or a boolean.
 */
readonly jsonPath: string
}
/**
 * How custom objects are turned from one version into another.
 */
export interface CustomResourceConversion {
/**
 * None changes only the version in the object; Webhook asks a service.
 */
readonly strategy: string
readonly webhook?: WebhookConversion
}
/**
 * A service that converts objects.
 */
export interface WebhookConversion {
readonly clientConfig?: ApiextensionsV1WebhookClientConfig
/**
 * Versions of ConversionReview that the service understands, best first.
 */
readonly conversionReviewVersions: readonly string[]
}
/**
 * Where a converting service is, and how it proves who it is.
 */
export interface ApiextensionsV1WebhookClientConfig {
/**
 * Address of the service; either this or a Service of the cluster.
 */
readonly url?: string
readonly service?: ApiextensionsV1ServiceReference
/**
 * Certificates in PEM that the certificate of the service is checked with; those of the system when absent.
 */
readonly caBundle?: string
}
/**
 * A Service of the cluster that is called.
 */
export interface ApiextensionsV1ServiceReference {
/**
 * Namespace of the Service.
 */
readonly namespace: string
/**
 * Name of the Service.
 */
readonly name: string
/**
 * Path of the URL.
 */
readonly path?: string
/**
 * Port of the Service.
 */
readonly port?: number
}
/**
 * What became of a custom kind.
 */
export interface CustomResourceDefinitionStatus {
/**
 * Whether the names are accepted, the kind is established, and what else is to be said.
 */
readonly conditions?: (readonly CustomResourceDefinitionCondition[] | null)
readonly acceptedNames?: CustomResourceDefinitionNames
/**
 * Versions in which objects were ever stored; those that hold none any more may be removed by hand.
 */
readonly storedVersions?: readonly string[]
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
}
/**
 * One fact about a custom kind.
 */
export interface CustomResourceDefinitionCondition {
/**
 * Which fact; NamesAccepted, Established, Terminating, NonStructuralSchema and others.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One word that says why.
 */
readonly reason?: string
/**
 * A sentence that says why.
 */
readonly message?: string
/**
 * Generation of the spec that this condition is about.
 */
readonly observedGeneration?: number
}
/**
 * A group and version of the API, and who answers for it.
 */
export interface APIService {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: APIServiceSpec
readonly status?: APIServiceStatus
}
/**
 * A group and version, and who answers for it.
 */
export interface APIServiceSpec {
readonly service?: ApiregistrationV1ServiceReference
/**
 * API group.
 */
readonly group?: string
/**
 * Version of the group.
 */
readonly version?: string
/**
 * Do not check the certificate of the service; better give its authorities.
 */
readonly insecureSkipTLSVerify?: boolean
/**
 * Certificates in PEM that the certificate of the service is checked with.
 */
readonly caBundle?: string
/**
 * Where the group stands among others; larger numbers come first.
 */
readonly groupPriorityMinimum: number
/**
 * Where the version stands among others of its group; larger numbers come first.
 */
readonly versionPriority: number
}
/**
 * A Service of the cluster that serves a part of the API.
 */
export interface ApiregistrationV1ServiceReference {
/**
 * Namespace of the Service.
 */
readonly namespace?: string
/**
 * Name of the Service.
 */
readonly name?: string
/**
 * Port of the Service.
 */
readonly port?: number
}
/**
 * Whether a part of the API can be reached.
 */
export interface APIServiceStatus {
/**
 * Facts about it, above all whether it is Available.
 */
readonly conditions?: readonly APIServiceCondition[]
}
/**
 * One fact about a part of the API.
 */
export interface APIServiceCondition {
/**
 * Which fact, such as Available.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One word that says why.
 */
readonly reason?: string
/**
 * A sentence that says why.
 */
readonly message?: string
}
/**
 * A snapshot of a StatefulSet's or DaemonSet's template, kept to roll back to. It never changes but for its number.
 */
export interface ControllerRevision {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The state that was saved.
 */
readonly data?: Record<string, unknown>
/**
 * Number of the revision; the highest is the newest.
 */
readonly revision: number
}
/**
 * One pod on every node, or on every node that the pod fits by its selector, affinity and tolerations.
 */
export interface DaemonSet {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: DaemonSetSpec
readonly status?: DaemonSetStatus
}
/**
 * What a DaemonSet keeps running on nodes.
 */
export interface DaemonSetSpec {
readonly selector: LabelSelector
readonly template: PodTemplateSpec
readonly updateStrategy?: DaemonSetUpdateStrategy
/**
 * Seconds a new pod must stay ready, without a crash, before it counts as available.
 */
readonly minReadySeconds?: number
/**
 * How many old revisions are kept to roll back to. Without it, 10.
 */
readonly revisionHistoryLimit?: number
}
/**
 * The pod that a controller makes copies of.
 */
export interface PodTemplateSpec {
readonly metadata?: ObjectMeta
readonly spec?: PodSpec
}
/**
 * What a pod should be.
 */
export interface PodSpec {
/**
 * Volumes that the containers can mount.
 */
readonly volumes?: readonly Volume[]
/**
 * Programs that run side by side; at least one.
 */
readonly containers: readonly Container[]
/**
 * Whether ended containers are started again: Always, OnFailure or Never.
 */
readonly restartPolicy?: string
/**
 * Seconds between asking the containers to end and killing them. Without it, 30; less than none counts as one.
 */
readonly terminationGracePeriodSeconds?: number
/**
 * Seconds the pod may run on its node before it is ended and marked as failed.
 */
readonly activeDeadlineSeconds?: number
/**
 * Where the containers resolve names: ClusterFirst, ClusterFirstWithHostNet, Default (as the node) or None (dnsConfig alone).
 */
readonly dnsPolicy?: string
/**
 * Labels the node must have.
 */
readonly nodeSelector?: {
readonly [k: string]: string
}
/**
 * Service account the pod runs as.
 */
readonly serviceAccountName?: string
/**
 * Old name of serviceAccountName; kept equal to it.
 */
readonly serviceAccount?: string
/**
 * Node the pod runs on. Set by the scheduler; whoever sets it by hand bypasses it.
 */
readonly nodeName?: string
/**
 * Use the node's network instead of one of its own.
 */
readonly hostNetwork?: boolean
/**
 * See the node's processes.
 */
readonly hostPID?: boolean
/**
 * Use the node's inter-process communication.
 */
readonly hostIPC?: boolean
readonly securityContext?: PodSecurityContext
/**
 * Secrets with credentials for image registries.
 */
readonly imagePullSecrets?: readonly LocalObjectReference[]
/**
 * Host name of the pod. Without it, the pod's name.
 */
readonly hostname?: string
/**
 * Subdomain of the pod: its full name becomes hostname.subdomain.namespace.svc and the cluster's domain.
 */
readonly subdomain?: string
readonly affinity?: Affinity
/**
 * Scheduler that places the pod. Without it, default-scheduler.
 */
readonly schedulerName?: string
/**
 * Programs that run one after another before the others start. Those with restartPolicy Always go on running as sidecars.
 */
readonly initContainers?: readonly Container[]
/**
 * Whether a service account token is mounted. Without it, the service account decides.
 */
readonly automountServiceAccountToken?: boolean
/**
 * Taints that do not keep this pod away.
 */
readonly tolerations?: readonly Toleration[]
/**
 * Further lines of the containers' /etc/hosts.
 */
readonly hostAliases?: readonly HostAlias[]
/**
 * Class that gives the pod its priority.
 */
readonly priorityClassName?: string
/**
 * Importance of the pod; higher ones may push lower ones off a node. Set from the class.
 */
readonly priority?: number
readonly dnsConfig?: PodDNSConfig
/**
 * Let the containers see each other's processes.
 */
readonly shareProcessNamespace?: boolean
/**
 * Extra conditions that must be true for the pod to be ready.
 */
readonly readinessGates?: readonly PodReadinessGate[]
/**
 * Class that chooses the container runtime's handler.
 */
readonly runtimeClassName?: string
/**
 * Whether Services of the namespace appear as environment variables. Of a pod without it, true.
 */
readonly enableServiceLinks?: boolean
/**
 * Never keeps the pod from pushing others off; PreemptLowerPriority lets it.
 */
readonly preemptionPolicy?: string
/**
 * What the pod needs beyond its containers; set from the runtime class.
 */
readonly overhead?: {
readonly [k: string]: string
}
/**
 * How the pod's like are spread over zones, nodes or other domains.
 */
readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[]
/**
 * Containers added to the running pod for debugging; only through the subresource of that name.
 */
readonly ephemeralContainers?: readonly EphemeralContainer[]
/**
 * Make the full name the kernel's host name.
 */
readonly setHostnameAsFQDN?: boolean
readonly os?: PodOS
/**
 * False runs the pod in a user namespace, where its root is nobody on the node.
 */
readonly hostUsers?: boolean
/**
 * While there are any, the pod is not scheduled. Each can be taken off, none added later.
 */
readonly schedulingGates?: readonly PodSchedulingGate[]
/**
 * Claims on devices that containers can refer to by name.
 */
readonly resourceClaims?: readonly PodResourceClaim[]
readonly resources?: ResourceRequirements
/**
 * Host name of the pod, in place of hostname and the name derived from it.
 */
readonly hostnameOverride?: string
readonly schedulingGroup?: PodSchedulingGroup
}
/**
 * Files or devices that containers of a pod can mount. Exactly one source.
 */
export interface Volume {
/**
 * Name that volume mounts refer to, unique in the pod.
 */
readonly name: string
readonly hostPath?: HostPathVolumeSource
readonly emptyDir?: EmptyDirVolumeSource
readonly gcePersistentDisk?: GCEPersistentDiskVolumeSource
readonly awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
readonly gitRepo?: GitRepoVolumeSource
readonly secret?: SecretVolumeSource
readonly nfs?: NFSVolumeSource
readonly iscsi?: ISCSIVolumeSource
readonly glusterfs?: GlusterfsVolumeSource
readonly persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
readonly rbd?: RBDVolumeSource
readonly flexVolume?: FlexVolumeSource
readonly cinder?: CinderVolumeSource
readonly cephfs?: CephFSVolumeSource
readonly flocker?: FlockerVolumeSource
readonly downwardAPI?: DownwardAPIVolumeSource
readonly fc?: FCVolumeSource
readonly azureFile?: AzureFileVolumeSource
readonly configMap?: ConfigMapVolumeSource
readonly vsphereVolume?: VsphereVirtualDiskVolumeSource
readonly quobyte?: QuobyteVolumeSource
readonly azureDisk?: AzureDiskVolumeSource
readonly photonPersistentDisk?: PhotonPersistentDiskVolumeSource
readonly portworxVolume?: PortworxVolumeSource
readonly scaleIO?: ScaleIOVolumeSource
readonly projected?: ProjectedVolumeSource
readonly storageos?: StorageOSVolumeSource
readonly csi?: CSIVolumeSource
readonly ephemeral?: EphemeralVolumeSource
readonly image?: ImageVolumeSource
}
/**
 * A file or folder of the node.
 */
export interface HostPathVolumeSource {
/**
 * Path on the node.
 */
readonly path: string
/**
 * What must be there, or is made: Directory, DirectoryOrCreate, File, FileOrCreate, Socket, CharDevice or BlockDevice. Empty checks nothing.
 */
readonly type?: string
}
/**
 * A folder that is empty at first and lives as long as the pod.
 */
export interface EmptyDirVolumeSource {
/**
 * Memory keeps it in RAM; empty uses the node's disk.
 */
readonly medium?: string
/**
 * Most it may hold; the pod is evicted beyond that.
 */
readonly sizeLimit?: string
}
/**
 * A Google Compute Engine disk.
 */
export interface GCEPersistentDiskVolumeSource {
/**
 * Name of the disk.
 */
readonly pdName: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Partition to mount; 0 for the whole disk.
 */
readonly partition?: number
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * An AWS EBS disk.
 */
export interface AWSElasticBlockStoreVolumeSource {
/**
 * Id of the disk.
 */
readonly volumeID: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Partition to mount; 0 for the whole disk.
 */
readonly partition?: number
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A clone of a Git repository.
 */
export interface GitRepoVolumeSource {
/**
 * URL of the repository.
 */
readonly repository: string
/**
 * Commit to check out.
 */
readonly revision?: string
/**
 * Folder to clone into.
 */
readonly directory?: string
}
/**
 * Keys of a Secret as files.
 */
export interface SecretVolumeSource {
/**
 * Name of the Secret, in the pod's namespace.
 */
readonly secretName?: string
/**
 * Which keys become files, and where. Without any, all keys under their own names.
 */
readonly items?: readonly KeyToPath[]
/**
 * Permission bits of files that say nothing of their own, in decimal in JSON. Without it, 0644.
 */
readonly defaultMode?: number
/**
 * Whether Secret or keys may be missing.
 */
readonly optional?: boolean
}
/**
 * A key and the file it becomes.
 */
export interface KeyToPath {
/**
 * The key.
 */
readonly key: string
/**
 * Path of the file, relative to the volume and without "..".
 */
readonly path: string
/**
 * Permission bits of the file. Without it, the volume's defaultMode.
 */
readonly mode?: number
}
/**
 * A folder of an NFS server.
 */
export interface NFSVolumeSource {
/**
 * Host name or address of the server.
 */
readonly server: string
/**
 * Path the server exports.
 */
readonly path: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * An iSCSI disk.
 */
export interface ISCSIVolumeSource {
/**
 * Address of the target, with its port unless 3260.
 */
readonly targetPortal: string
/**
 * Qualified name of the target.
 */
readonly iqn: string
/**
 * Number of the unit.
 */
readonly lun: number
/**
 * Interface that is used. Without it, default.
 */
readonly iscsiInterface?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Further addresses of the target.
 */
readonly portals?: readonly string[]
/**
 * Use CHAP when targets are discovered.
 */
readonly chapAuthDiscovery?: boolean
readonly secretRef?: LocalObjectReference
/**
 * Use CHAP for the session.
 */
readonly chapAuthSession?: boolean
/**
 * Initiator name for this connection.
 */
readonly initiatorName?: string
}
/**
 * Points to an object of the same namespace.
 */
export interface LocalObjectReference {
/**
 * Name of the object.
 */
readonly name?: string
}
/**
 * A Glusterfs volume.
 */
export interface GlusterfsVolumeSource {
/**
 * Endpoints object with the servers.
 */
readonly endpoints: string
/**
 * Path of the volume.
 */
readonly path: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * The volume behind a claim.
 */
export interface PersistentVolumeClaimVolumeSource {
/**
 * Name of the claim, in the pod's namespace.
 */
readonly claimName: string
/**
 * Forbid writing in all mounts.
 */
readonly readOnly?: boolean
}
/**
 * A Ceph block device.
 */
export interface RBDVolumeSource {
/**
 * Addresses of the Ceph monitors.
 */
readonly monitors: readonly string[]
/**
 * Name of the image.
 */
readonly image: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Pool of the image. Without it, rbd.
 */
readonly pool?: string
/**
 * User of Ceph. Without it, admin.
 */
readonly user?: string
/**
 * Path of the user's key ring. Without it, /etc/ceph/keyring.
 */
readonly keyring?: string
readonly secretRef?: LocalObjectReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A volume made by a FlexVolume plugin.
 */
export interface FlexVolumeSource {
/**
 * Name of the plugin.
 */
readonly driver: string
/**
 * File system to mount.
 */
readonly fsType?: string
readonly secretRef?: LocalObjectReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Further options of the plugin.
 */
readonly options?: {
readonly [k: string]: string
}
}
/**
 * An OpenStack Cinder disk.
 */
export interface CinderVolumeSource {
/**
 * Id of the disk.
 */
readonly volumeID: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
readonly secretRef?: LocalObjectReference
}
/**
 * A CephFS file system.
 */
export interface CephFSVolumeSource {
/**
 * Addresses of the Ceph monitors.
 */
readonly monitors: readonly string[]
/**
 * Folder to mount as root. Without it, /.
 */
readonly path?: string
/**
 * User of Ceph. Without it, admin.
 */
readonly user?: string
/**
 * Path of the user's key ring. Without it, /etc/ceph/user.secret.
 */
readonly secretFile?: string
readonly secretRef?: LocalObjectReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A Flocker dataset.
 */
export interface FlockerVolumeSource {
/**
 * Name of the dataset.
 */
readonly datasetName?: string
/**
 * Uuid of the dataset.
 */
readonly datasetUUID?: string
}
/**
 * Facts about the pod as files.
 */
export interface DownwardAPIVolumeSource {
/**
 * The files.
 */
readonly items?: readonly DownwardAPIVolumeFile[]
/**
 * Permission bits of files that say nothing of their own. Without it, 0644.
 */
readonly defaultMode?: number
}
/**
 * A fact about the pod and the file it becomes.
 */
export interface DownwardAPIVolumeFile {
/**
 * Path of the file, relative to the volume and without "..".
 */
readonly path: string
readonly fieldRef?: ObjectFieldSelector
readonly resourceFieldRef?: ResourceFieldSelector
/**
 * Permission bits of the file. Without it, the volume's defaultMode.
 */
readonly mode?: number
}
/**
 * Chooses a field of the pod.
 */
export interface ObjectFieldSelector {
/**
 * API version the path is written in. Without it, v1.
 */
readonly apiVersion?: string
/**
 * The field, such as metadata.name or metadata.labels['app'].
 */
readonly fieldPath: string
}
/**
 * Chooses a request or limit of a container.
 */
export interface ResourceFieldSelector {
/**
 * The container; needed in volumes, otherwise the one that asks.
 */
readonly containerName?: string
/**
 * Such as limits.cpu or requests.memory.
 */
readonly resource: string
/**
 * Unit in which the value is given, rounded up. Without it, 1.
 */
readonly divisor?: string
}
/**
 * A Fibre Channel disk.
 */
export interface FCVolumeSource {
/**
 * World wide names of the targets.
 */
readonly targetWWNs?: readonly string[]
/**
 * Number of the unit.
 */
readonly lun?: number
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * World wide identifiers, in place of targets and unit.
 */
readonly wwids?: readonly string[]
}
/**
 * An Azure Files share.
 */
export interface AzureFileVolumeSource {
/**
 * Secret with the storage account's name and key.
 */
readonly secretName: string
/**
 * Name of the share.
 */
readonly shareName: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * Keys of a ConfigMap as files.
 */
export interface ConfigMapVolumeSource {
/**
 * Name of the ConfigMap, in the pod's namespace.
 */
readonly name?: string
/**
 * Which keys become files, and where. Without any, all keys under their own names.
 */
readonly items?: readonly KeyToPath[]
/**
 * Permission bits of files that say nothing of their own. Without it, 0644.
 */
readonly defaultMode?: number
/**
 * Whether ConfigMap or keys may be missing.
 */
readonly optional?: boolean
}
/**
 * A vSphere disk.
 */
export interface VsphereVirtualDiskVolumeSource {
/**
 * Path of the disk.
 */
readonly volumePath: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Name of the storage policy.
 */
readonly storagePolicyName?: string
/**
 * Id of the storage policy.
 */
readonly storagePolicyID?: string
}
/**
 * A Quobyte volume.
 */
export interface QuobyteVolumeSource {
/**
 * Addresses of the registry services.
 */
readonly registry: string
/**
 * Name of the volume.
 */
readonly volume: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * User that files are mapped to.
 */
readonly user?: string
/**
 * Group that files are mapped to.
 */
readonly group?: string
/**
 * Owner of the volume on the Quobyte side.
 */
readonly tenant?: string
}
/**
 * An Azure data disk.
 */
export interface AzureDiskVolumeSource {
/**
 * Name of the disk.
 */
readonly diskName: string
/**
 * URI of the disk.
 */
readonly diskURI: string
/**
 * None, ReadOnly or ReadWrite.
 */
readonly cachingMode?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Shared, Dedicated or Managed.
 */
readonly kind?: string
}
/**
 * A Photon Controller disk.
 */
export interface PhotonPersistentDiskVolumeSource {
/**
 * Id of the disk.
 */
readonly pdID: string
/**
 * File system to mount.
 */
readonly fsType?: string
}
/**
 * A Portworx volume.
 */
export interface PortworxVolumeSource {
/**
 * Id of the volume.
 */
readonly volumeID: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A ScaleIO volume.
 */
export interface ScaleIOVolumeSource {
/**
 * Address of the gateway.
 */
readonly gateway: string
/**
 * Name of the storage system.
 */
readonly system: string
readonly secretRef?: LocalObjectReference
/**
 * Speak TLS with the gateway.
 */
readonly sslEnabled?: boolean
/**
 * Name of the protection domain.
 */
readonly protectionDomain?: string
/**
 * Pool of the protection domain.
 */
readonly storagePool?: string
/**
 * ThickProvisioned or ThinProvisioned.
 */
readonly storageMode?: string
/**
 * Name of the volume.
 */
readonly volumeName?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * Several sources in one folder.
 */
export interface ProjectedVolumeSource {
/**
 * What goes into the folder.
 */
readonly sources?: (readonly VolumeProjection[] | null)
/**
 * Permission bits of files that say nothing of their own. Without it, 0644.
 */
readonly defaultMode?: number
}
/**
 * One source of a projected volume.
 */
export interface VolumeProjection {
readonly secret?: SecretProjection
readonly downwardAPI?: DownwardAPIProjection
readonly configMap?: ConfigMapProjection
readonly serviceAccountToken?: ServiceAccountTokenProjection
readonly clusterTrustBundle?: ClusterTrustBundleProjection
readonly podCertificate?: PodCertificateProjection
}
/**
 * Keys of a Secret in a projected volume.
 */
export interface SecretProjection {
/**
 * Name of the Secret, in the pod's namespace.
 */
readonly name?: string
/**
 * Which keys become files, and where. Without any, all keys under their own names.
 */
readonly items?: readonly KeyToPath[]
/**
 * Whether Secret or keys may be missing.
 */
readonly optional?: boolean
}
/**
 * Facts about the pod in a projected volume.
 */
export interface DownwardAPIProjection {
/**
 * The files.
 */
readonly items?: readonly DownwardAPIVolumeFile[]
}
/**
 * Keys of a ConfigMap in a projected volume.
 */
export interface ConfigMapProjection {
/**
 * Name of the ConfigMap, in the pod's namespace.
 */
readonly name?: string
/**
 * Which keys become files, and where. Without any, all keys under their own names.
 */
readonly items?: readonly KeyToPath[]
/**
 * Whether ConfigMap or keys may be missing.
 */
readonly optional?: boolean
}
/**
 * A token in a projected volume.
 */
export interface ServiceAccountTokenProjection {
/**
 * Who may accept the token. Without it, the API server.
 */
readonly audience?: string
/**
 * Seconds the token should live, at least 600. Without it, 3600.
 */
readonly expirationSeconds?: number
/**
 * Path of the file, relative to the volume.
 */
readonly path: string
}
/**
 * Certificates of trusted authorities in a projected volume.
 */
export interface ClusterTrustBundleProjection {
/**
 * Name of one bundle. Excludes signerName.
 */
readonly name?: string
/**
 * All bundles of this signer. Excludes name.
 */
readonly signerName?: string
readonly labelSelector?: LabelSelector
/**
 * Path of the file, relative to the volume.
 */
readonly path: string
/**
 * Whether the bundle may be missing.
 */
readonly optional?: boolean
}
/**
 * A certificate of the pod in a projected volume.
 */
export interface PodCertificateProjection {
/**
 * Signer that issues it.
 */
readonly signerName: string
/**
 * Kind of key, such as ED25519 or ECDSAP256.
 */
readonly keyType: string
/**
 * Most seconds the certificate may live.
 */
readonly maxExpirationSeconds?: number
/**
 * File for key and certificates together.
 */
readonly credentialBundlePath?: string
/**
 * File for the key alone.
 */
readonly keyPath?: string
/**
 * File for the certificates alone.
 */
readonly certificateChainPath?: string
/**
 * Keys and values that are passed to the signer.
 */
readonly userAnnotations?: {
readonly [k: string]: string
}
}
/**
 * A StorageOS volume.
 */
export interface StorageOSVolumeSource {
/**
 * Name of the volume.
 */
readonly volumeName?: string
/**
 * Namespace of the volume on the StorageOS side.
 */
readonly volumeNamespace?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
readonly secretRef?: LocalObjectReference
}
/**
 * A short-lived volume made by a CSI driver.
 */
export interface CSIVolumeSource {
/**
 * Name of the driver.
 */
readonly driver: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * File system to mount; the driver's own choice when empty.
 */
readonly fsType?: string
/**
 * Settings for the driver.
 */
readonly volumeAttributes?: {
readonly [k: string]: string
}
readonly nodePublishSecretRef?: LocalObjectReference
}
/**
 * A volume with a claim of its own.
 */
export interface EphemeralVolumeSource {
readonly volumeClaimTemplate?: PersistentVolumeClaimTemplate
}
/**
 * A claim to make.
 */
export interface PersistentVolumeClaimTemplate {
readonly metadata?: ObjectMeta
readonly spec: PersistentVolumeClaimSpec
}
/**
 * What a claim asks for.
 */
export interface PersistentVolumeClaimSpec {
/**
 * How it may be mounted, such as ReadWriteOnce.
 */
readonly accessModes?: readonly string[]
readonly resources?: VolumeResourceRequirements
/**
 * Volume it is bound to, or should be.
 */
readonly volumeName?: string
readonly selector?: LabelSelector
/**
 * Storage class that provides it.
 */
readonly storageClassName?: string
/**
 * Filesystem or Block. Without it, Filesystem.
 */
readonly volumeMode?: string
readonly dataSource?: TypedLocalObjectReference
readonly dataSourceRef?: TypedObjectReference
/**
 * Class with changeable attributes of the volume.
 */
readonly volumeAttributesClassName?: string
}
/**
 * Size of a volume.
 */
export interface VolumeResourceRequirements {
/**
 * The most, by resource.
 */
readonly limits?: {
readonly [k: string]: string
}
/**
 * The least, by resource.
 */
readonly requests?: {
readonly [k: string]: string
}
}
/**
 * Points to an object of any kind in the same namespace.
 */
export interface TypedLocalObjectReference {
/**
 * Its API group; empty for the core group.
 */
readonly apiGroup?: (string | null)
/**
 * Its kind.
 */
readonly kind: string
/**
 * Its name.
 */
readonly name: string
}
/**
 * Points to an object of any kind and namespace.
 */
export interface TypedObjectReference {
/**
 * Its API group; empty for the core group.
 */
readonly apiGroup?: (string | null)
/**
 * Its kind.
 */
readonly kind: string
/**
 * Its name.
 */
readonly name: string
/**
 * Its namespace; without it, the same.
 */
readonly namespace?: string
}
/**
 * The content of a container image.
 */
export interface ImageVolumeSource {
/**
 * The image.
 */
readonly reference?: string
/**
 * When it is pulled: Always, Never or IfNotPresent.
 */
readonly pullPolicy?: string
}
/**
 * One program of a pod, with its image, environment and limits.
 */
export interface Container {
/**
 * Name of the container, unique in the pod. Cannot change.
 */
readonly name: string
/**
 * Image to run, such as registry.example/team/web:1.2.
 */
readonly image?: string
/**
 * Program to run, in place of the image's entry point. $(NAME) stands for a variable of env.
 */
readonly command?: readonly string[]
/**
 * Arguments, in place of the image's. $(NAME) stands for a variable of env.
 */
readonly args?: readonly string[]
/**
 * Folder to start in. Without it, the image's.
 */
readonly workingDir?: string
/**
 * Ports the container listens on; mostly information, but hostPort and names have effect.
 */
readonly ports?: readonly ContainerPort[]
/**
 * Environment variables.
 */
readonly env?: readonly EnvVar[]
readonly resources?: ResourceRequirements
/**
 * Where volumes appear in the container.
 */
readonly volumeMounts?: readonly VolumeMount[]
readonly livenessProbe?: Probe
readonly readinessProbe?: Probe
readonly lifecycle?: Lifecycle
/**
 * File in which the container may leave its last words. Without it, /dev/termination-log.
 */
readonly terminationMessagePath?: string
/**
 * Always, Never or IfNotPresent. Without it, Always for the tag latest, else IfNotPresent.
 */
readonly imagePullPolicy?: string
readonly securityContext?: SecurityContext
/**
 * Keep standard input open.
 */
readonly stdin?: boolean
/**
 * Close standard input after the first attached client has left.
 */
readonly stdinOnce?: boolean
/**
 * Give it a terminal; needs stdin.
 */
readonly tty?: boolean
/**
 * ConfigMaps and Secrets whose keys all become variables; env wins over them.
 */
readonly envFrom?: readonly EnvFromSource[]
/**
 * File reads the message file only; FallbackToLogsOnError takes the end of the log if that is empty and the container failed.
 */
readonly terminationMessagePolicy?: string
/**
 * Raw block devices of the container.
 */
readonly volumeDevices?: readonly VolumeDevice[]
readonly startupProbe?: Probe
/**
 * Whether a change of resources needs a restart, by resource.
 */
readonly resizePolicy?: readonly ContainerResizePolicy[]
/**
 * Restart rule of this container alone; Always makes an init container a sidecar.
 */
readonly restartPolicy?: string
/**
 * Exceptions from the restart rule by exit code; the first that fits decides.
 */
readonly restartPolicyRules?: readonly ContainerRestartRule[]
}
/**
 * A port of a container.
 */
export interface ContainerPort {
/**
 * Name that Services and probes can use.
 */
readonly name?: string
/**
 * Port of the node that leads to it.
 */
readonly hostPort?: number
/**
 * Port number inside the pod.
 */
readonly containerPort: number
/**
 * TCP, UDP or SCTP. Without it, TCP.
 */
readonly protocol?: string
/**
 * Address of the node that hostPort is bound to; all when empty.
 */
readonly hostIP?: string
}
/**
 * One environment variable.
 */
export interface EnvVar {
/**
 * Name of the variable.
 */
readonly name: string
/**
 * Its value. $(NAME) stands for a variable before it, $$ for a dollar sign.
 */
readonly value?: string
readonly valueFrom?: EnvVarSource
}
/**
 * Where the value of a variable comes from.
 */
export interface EnvVarSource {
readonly fieldRef?: ObjectFieldSelector
readonly resourceFieldRef?: ResourceFieldSelector
readonly configMapKeyRef?: ConfigMapKeySelector
readonly secretKeyRef?: SecretKeySelector
readonly fileKeyRef?: FileKeySelector
}
/**
 * A key of a ConfigMap.
 */
export interface ConfigMapKeySelector {
/**
 * Name of the ConfigMap, in the pod's namespace.
 */
readonly name?: string
/**
 * The key.
 */
readonly key: string
/**
 * Whether ConfigMap or key may be missing.
 */
readonly optional?: boolean
}
/**
 * A key of a Secret.
 */
export interface SecretKeySelector {
/**
 * Name of the Secret, in the pod's namespace.
 */
readonly name?: string
/**
 * The key.
 */
readonly key: string
/**
 * Whether Secret or key may be missing.
 */
readonly optional?: boolean
}
/**
 * A key of an environment file in a volume.
 */
export interface FileKeySelector {
/**
 * Volume with the file.
 */
readonly volumeName: string
/**
 * Path of the file in the volume.
 */
readonly path: string
/**
 * Name of the variable in the file.
 */
readonly key: string
/**
 * Whether file or key may be missing.
 */
readonly optional?: boolean
}
/**
 * What is reserved, and the most that may be used.
 */
export interface ResourceRequirements {
/**
 * The most that may be used, by resource.
 */
readonly limits?: {
readonly [k: string]: string
}
/**
 * What is reserved, by resource. Without it, the limits.
 */
readonly requests?: {
readonly [k: string]: string
}
/**
 * Device claims of the pod that are used.
 */
readonly claims?: readonly ContainerResourceClaim[]
}
/**
 * A device claim that is used.
 */
export interface ContainerResourceClaim {
/**
 * Entry of the pod's resourceClaims.
 */
readonly name: string
/**
 * One request of the claim; all when empty.
 */
readonly request?: string
}
/**
 * Where a volume appears in a container.
 */
export interface VolumeMount {
/**
 * Name of the volume.
 */
readonly name: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Path in the container; may not contain a colon.
 */
readonly mountPath: string
/**
 * Path in the volume that is mounted. Without it, the volume's root.
 */
readonly subPath?: string
/**
 * Which mounts made later pass the border: None, HostToContainer or Bidirectional.
 */
readonly mountPropagation?: string
/**
 * Like subPath, with $(NAME) standing for environment variables. Excludes subPath.
 */
readonly subPathExpr?: string
/**
 * Whether mounts below become read-only, too: Disabled, IfPossible or Enabled.
 */
readonly recursiveReadOnly?: string
}
/**
 * A check of a container. Exactly one way of checking.
 */
export interface Probe {
readonly exec?: ExecAction
readonly httpGet?: HTTPGetAction
readonly tcpSocket?: TCPSocketAction
readonly grpc?: GRPCAction
/**
 * Seconds to wait after the start before the first check.
 */
readonly initialDelaySeconds?: number
/**
 * Seconds after which a check has failed. Without it, 1.
 */
readonly timeoutSeconds?: number
/**
 * Seconds between checks. Without it, 10.
 */
readonly periodSeconds?: number
/**
 * Good checks in a row that end a bad spell. Without it, 1.
 */
readonly successThreshold?: number
/**
 * Bad checks in a row that count as failure. Without it, 3.
 */
readonly failureThreshold?: number
/**
 * Seconds the container gets to end when the probe kills it, in place of the pod's.
 */
readonly terminationGracePeriodSeconds?: number
}
/**
 * A command in the container.
 */
export interface ExecAction {
/**
 * Program and arguments; no shell is involved.
 */
readonly command?: readonly string[]
}
/**
 * A request by HTTP.
 */
export interface HTTPGetAction {
/**
 * Path to ask for. Without it, /.
 */
readonly path?: string
/**
 * Port, by number or name.
 */
readonly port: number | string
/**
 * Host to ask. Without it, the pod's address.
 */
readonly host?: string
/**
 * HTTP or HTTPS; certificates are not verified.
 */
readonly scheme?: string
/**
 * Further headers.
 */
readonly httpHeaders?: readonly HTTPHeader[]
}
/**
 * One header.
 */
export interface HTTPHeader {
/**
 * Name of the header.
 */
readonly name: string
/**
 * Its value.
 */
readonly value: string
}
/**
 * A TCP connection.
 */
export interface TCPSocketAction {
/**
 * Port, by number or name.
 */
readonly port: number | string
/**
 * Host to connect to. Without it, the pod's address.
 */
readonly host?: string
}
/**
 * A request to the gRPC health service.
 */
export interface GRPCAction {
/**
 * Port number.
 */
readonly port: number
/**
 * Service to ask for. Without it, the server as a whole.
 */
readonly service?: string
}
/**
 * What to do after a container's start and before its end.
 */
export interface Lifecycle {
readonly postStart?: LifecycleHandler
readonly preStop?: LifecycleHandler
/**
 * Signal that asks the container to end. Without it, the image's or SIGTERM.
 */
readonly stopSignal?: string
}
/**
 * One thing to do. Exactly one of these.
 */
export interface LifecycleHandler {
readonly exec?: ExecAction
readonly httpGet?: HTTPGetAction
readonly tcpSocket?: TCPSocketAction
readonly sleep?: SleepAction
}
/**
 * A pause.
 */
export interface SleepAction {
/**
 * Its length in seconds.
 */
readonly seconds: number
}
/**
 * Identities and rights of a container.
 */
export interface SecurityContext {
readonly capabilities?: Capabilities
/**
 * Give it all the rights of root on the node.
 */
readonly privileged?: boolean
readonly seLinuxOptions?: SELinuxOptions
/**
 * User id of its process. Without it, the image's.
 */
readonly runAsUser?: number
/**
 * Refuse to start as root.
 */
readonly runAsNonRoot?: boolean
/**
 * Make its own file system read-only.
 */
readonly readOnlyRootFilesystem?: boolean
/**
 * False keeps its processes from gaining more rights than they start with.
 */
readonly allowPrivilegeEscalation?: boolean
/**
 * Group id of its process.
 */
readonly runAsGroup?: number
/**
 * How /proc is mounted: Default or Unmasked.
 */
readonly procMount?: string
readonly windowsOptions?: WindowsSecurityContextOptions
readonly seccompProfile?: SeccompProfile
readonly appArmorProfile?: AppArmorProfile
}
/**
 * Linux capabilities to add or drop.
 */
export interface Capabilities {
/**
 * Those to add.
 */
readonly add?: readonly string[]
/**
 * Those to drop; ALL for every one.
 */
readonly drop?: readonly string[]
}
/**
 * An SELinux label.
 */
export interface SELinuxOptions {
/**
 * User part.
 */
readonly user?: string
/**
 * Role part.
 */
readonly role?: string
/**
 * Type part.
 */
readonly type?: string
/**
 * Level part.
 */
readonly level?: string
}
/**
 * Settings for Windows containers.
 */
export interface WindowsSecurityContextOptions {
/**
 * Name of the GMSA credential spec.
 */
readonly gmsaCredentialSpecName?: string
/**
 * The GMSA credential spec itself.
 */
readonly gmsaCredentialSpec?: string
/**
 * User its process runs as.
 */
readonly runAsUserName?: string
/**
 * Run it as a process of the host.
 */
readonly hostProcess?: boolean
}
/**
 * Which system calls are allowed.
 */
export interface SeccompProfile {
/**
 * RuntimeDefault, Localhost or Unconfined.
 */
readonly type: string
/**
 * File of the node with the profile; only for Localhost.
 */
readonly localhostProfile?: string
}
/**
 * An AppArmor profile.
 */
export interface AppArmorProfile {
/**
 * RuntimeDefault, Localhost or Unconfined.
 */
readonly type: string
/**
 * Profile loaded on the node; only for Localhost.
 */
readonly localhostProfile?: string
}
/**
 * A source whose keys all become variables.
 */
export interface EnvFromSource {
/**
 * Put in front of every key.
 */
readonly prefix?: string
readonly configMapRef?: ConfigMapEnvSource
readonly secretRef?: SecretEnvSource
}
/**
 * A ConfigMap as a source of variables.
 */
export interface ConfigMapEnvSource {
/**
 * Name of the ConfigMap, in the pod's namespace.
 */
readonly name?: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * A Secret as a source of variables.
 */
export interface SecretEnvSource {
/**
 * Name of the Secret, in the pod's namespace.
 */
readonly name?: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * A raw block device of a container.
 */
export interface VolumeDevice {
/**
 * Name of the volume.
 */
readonly name: string
/**
 * Path of the device in the container.
 */
readonly devicePath: string
}
/**
 * What a change of one resource needs.
 */
export interface ContainerResizePolicy {
/**
 * cpu or memory.
 */
readonly resourceName: string
/**
 * NotRequired or RestartContainer.
 */
readonly restartPolicy: string
}
/**
 * An exception from the restart rule.
 */
export interface ContainerRestartRule {
/**
 * What to do: Restart, or RestartAllContainers.
 */
readonly action: string
readonly exitCodes?: ContainerRestartRuleOnExitCodes
}
/**
 * Exit codes that a rule is for.
 */
export interface ContainerRestartRuleOnExitCodes {
/**
 * In or NotIn.
 */
readonly operator: string
/**
 * The exit codes.
 */
readonly values?: readonly number[]
}
/**
 * Identities and rights of all containers of a pod.
 */
export interface PodSecurityContext {
readonly seLinuxOptions?: SELinuxOptions
/**
 * User id of the processes. Without it, the image's.
 */
readonly runAsUser?: number
/**
 * Refuse to start as root.
 */
readonly runAsNonRoot?: boolean
/**
 * Further group ids of the processes.
 */
readonly supplementalGroups?: readonly number[]
/**
 * Group id that owns the volumes and that all processes are in.
 */
readonly fsGroup?: number
/**
 * Group id of the processes.
 */
readonly runAsGroup?: number
/**
 * Kernel settings of the pod.
 */
readonly sysctls?: readonly Sysctl[]
readonly windowsOptions?: WindowsSecurityContextOptions
/**
 * When files of a volume are handed to fsGroup: Always, or OnRootMismatch.
 */
readonly fsGroupChangePolicy?: string
readonly seccompProfile?: SeccompProfile
readonly appArmorProfile?: AppArmorProfile
/**
 * Merge adds the groups that the image gives to the user; Strict does not.
 */
readonly supplementalGroupsPolicy?: string
/**
 * How volumes get their SELinux label: MountOption or Recursive.
 */
readonly seLinuxChangePolicy?: string
}
/**
 * A kernel setting.
 */
export interface Sysctl {
/**
 * Its name, such as net.core.somaxconn.
 */
readonly name: string
/**
 * Its value.
 */
readonly value: string
}
/**
 * Where a pod should or must not run.
 */
export interface Affinity {
readonly nodeAffinity?: NodeAffinity
readonly podAffinity?: PodAffinity
readonly podAntiAffinity?: PodAntiAffinity
}
/**
 * Where a pod should or must run, by properties of the node.
 */
export interface NodeAffinity {
readonly requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
/**
 * What the node should satisfy, with weights.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly PreferredSchedulingTerm[]
}
/**
 * Terms of which a node must satisfy at least one.
 */
export interface NodeSelector {
/**
 * The terms.
 */
readonly nodeSelectorTerms: readonly NodeSelectorTerm[]
}
/**
 * Requirements that a node must satisfy together.
 */
export interface NodeSelectorTerm {
/**
 * On its labels.
 */
readonly matchExpressions?: readonly NodeSelectorRequirement[]
/**
 * On its fields; only metadata.name.
 */
readonly matchFields?: readonly NodeSelectorRequirement[]
}
/**
 * One requirement on a node.
 */
export interface NodeSelectorRequirement {
/**
 * The label or field.
 */
readonly key: string
/**
 * In, NotIn, Exists, DoesNotExist, Gt or Lt.
 */
readonly operator: string
/**
 * Values for In and NotIn, one number for Gt and Lt, none for the others.
 */
readonly values?: readonly string[]
}
/**
 * A wish with its weight.
 */
export interface PreferredSchedulingTerm {
/**
 * From 1 to 100.
 */
readonly weight: number
readonly preference: NodeSelectorTerm
}
/**
 * Near which pods a pod should or must run.
 */
export interface PodAffinity {
/**
 * Pods that must be near when the pod is placed; later changes do not matter.
 */
readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
/**
 * Pods that should be near, with weights.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[]
}
/**
 * Certain pods, and what counts as near.
 */
export interface PodAffinityTerm {
readonly labelSelector?: LabelSelector
/**
 * Namespaces of the pods. Without it and namespaceSelector, the pod's own.
 */
readonly namespaces?: readonly string[]
/**
 * Nodes with the same value of this label are near each other.
 */
readonly topologyKey: string
readonly namespaceSelector?: LabelSelector
/**
 * Labels whose values the pods must share with this one.
 */
readonly matchLabelKeys?: readonly string[]
/**
 * Labels whose values the pods must not share with this one.
 */
readonly mismatchLabelKeys?: readonly string[]
}
/**
 * A wish with its weight.
 */
export interface WeightedPodAffinityTerm {
/**
 * From 1 to 100.
 */
readonly weight: number
readonly podAffinityTerm: PodAffinityTerm
}
/**
 * Away from which pods a pod should or must run.
 */
export interface PodAntiAffinity {
/**
 * Pods that must not be near when the pod is placed; later changes do not matter.
 */
readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
/**
 * Pods that should not be near, with weights.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[]
}
/**
 * Taints that do not keep a pod away.
 */
export interface Toleration {
/**
 * Key of the taint; empty, with Exists, for all.
 */
readonly key?: string
/**
 * Equal compares the value, Exists does not; Lt and Gt compare numbers.
 */
readonly operator?: string
/**
 * Value of the taint.
 */
readonly value?: string
/**
 * Effect of the taint; empty for all.
 */
readonly effect?: string
/**
 * Seconds the pod stays under a NoExecute taint. Without it, for ever.
 */
readonly tolerationSeconds?: number
}
/**
 * A line of /etc/hosts.
 */
export interface HostAlias {
/**
 * The address.
 */
readonly ip: string
/**
 * Its names.
 */
readonly hostnames?: readonly string[]
}
/**
 * DNS settings of a pod.
 */
export interface PodDNSConfig {
/**
 * Addresses of name servers.
 */
readonly nameservers?: readonly string[]
/**
 * Domains to search.
 */
readonly searches?: readonly string[]
/**
 * Options of the resolver.
 */
readonly options?: readonly PodDNSConfigOption[]
}
/**
 * An option of the resolver.
 */
export interface PodDNSConfigOption {
/**
 * Its name, such as ndots.
 */
readonly name?: string
/**
 * Its value.
 */
readonly value?: string
}
/**
 * An extra condition for readiness.
 */
export interface PodReadinessGate {
/**
 * Type of the pod's condition that must be true.
 */
readonly conditionType: string
}
/**
 * How pods are spread over domains.
 */
export interface TopologySpreadConstraint {
/**
 * Most pods that one domain may have more than the emptiest.
 */
readonly maxSkew: number
/**
 * Nodes with the same value of this label are one domain.
 */
readonly topologyKey: string
/**
 * DoNotSchedule keeps the pod waiting, ScheduleAnyway only prefers.
 */
readonly whenUnsatisfiable: string
readonly labelSelector?: LabelSelector
/**
 * With fewer domains than this, the emptiest counts as having none.
 */
readonly minDomains?: number
/**
 * Whether nodes the pod may not run on are left out of account: Honor or Ignore.
 */
readonly nodeAffinityPolicy?: string
/**
 * Whether nodes with taints the pod does not tolerate are left out of account: Honor or Ignore.
 */
readonly nodeTaintsPolicy?: string
/**
 * Labels whose values the counted pods must share with this one.
 */
readonly matchLabelKeys?: readonly string[]
}
/**
 * A container added to a running pod for debugging.
 */
export interface EphemeralContainer {
/**
 * Name of the container, unique in the pod. Cannot change.
 */
readonly name: string
/**
 * Image to run, such as registry.example/team/web:1.2.
 */
readonly image?: string
/**
 * Program to run, in place of the image's entry point. $(NAME) stands for a variable of env.
 */
readonly command?: readonly string[]
/**
 * Arguments, in place of the image's. $(NAME) stands for a variable of env.
 */
readonly args?: readonly string[]
/**
 * Folder to start in. Without it, the image's.
 */
readonly workingDir?: string
/**
 * Ports the container listens on; mostly information, but hostPort and names have effect.
 */
readonly ports?: readonly ContainerPort[]
/**
 * Environment variables.
 */
readonly env?: readonly EnvVar[]
readonly resources?: ResourceRequirements
/**
 * Where volumes appear in the container.
 */
readonly volumeMounts?: readonly VolumeMount[]
readonly livenessProbe?: Probe
readonly readinessProbe?: Probe
readonly lifecycle?: Lifecycle
/**
 * File in which the container may leave its last words. Without it, /dev/termination-log.
 */
readonly terminationMessagePath?: string
/**
 * Always, Never or IfNotPresent. Without it, Always for the tag latest, else IfNotPresent.
 */
readonly imagePullPolicy?: string
readonly securityContext?: SecurityContext
/**
 * Keep standard input open.
 */
readonly stdin?: boolean
/**
 * Close standard input after the first attached client has left.
 */
readonly stdinOnce?: boolean
/**
 * Give it a terminal; needs stdin.
 */
readonly tty?: boolean
/**
 * ConfigMaps and Secrets whose keys all become variables; env wins over them.
 */
readonly envFrom?: readonly EnvFromSource[]
/**
 * File reads the message file only; FallbackToLogsOnError takes the end of the log if that is empty and the container failed.
 */
readonly terminationMessagePolicy?: string
/**
 * Raw block devices of the container.
 */
readonly volumeDevices?: readonly VolumeDevice[]
readonly startupProbe?: Probe
/**
 * Whether a change of resources needs a restart, by resource.
 */
readonly resizePolicy?: readonly ContainerResizePolicy[]
/**
 * Restart rule of this container alone; Always makes an init container a sidecar.
 */
readonly restartPolicy?: string
/**
 * Exceptions from the restart rule by exit code; the first that fits decides.
 */
readonly restartPolicyRules?: readonly ContainerRestartRule[]
/**
 * Container whose processes it shall see.
 */
readonly targetContainerName?: string
}
/**
 * Operating system of a pod.
 */
export interface PodOS {
/**
 * linux or windows.
 */
readonly name: string
}
/**
 * A reason not to schedule a pod yet.
 */
export interface PodSchedulingGate {
/**
 * Name of the gate.
 */
readonly name: string
}
/**
 * A claim on devices. Exactly one source.
 */
export interface PodResourceClaim {
/**
 * Name that containers refer to.
 */
readonly name: string
/**
 * An existing claim.
 */
readonly resourceClaimName?: string
/**
 * Template to make a claim from.
 */
readonly resourceClaimTemplateName?: string
}
/**
 * Group of pods that are scheduled together.
 */
export interface PodSchedulingGroup {
/**
 * Name of the group.
 */
readonly podGroupName?: string
}
/**
 * How pods of a DaemonSet follow a change of the template.
 */
export interface DaemonSetUpdateStrategy {
/**
 * RollingUpdate replaces pods a few nodes at a time; OnDelete leaves it to whoever deletes them.
 */
readonly type?: string
readonly rollingUpdate?: RollingUpdateDaemonSet
}
/**
 * Bounds of a DaemonSet's rolling update.
 */
export interface RollingUpdateDaemonSet {
/**
 * Most nodes whose pod may be missing during an update: a count, or a percentage of all such nodes rounded up. Without it, 1; 0 only with a maxSurge.
 */
readonly maxUnavailable?: number | string
/**
 * Most nodes that may have an old and a new pod at once: a count, or a percentage rounded up. Without it, 0.
 */
readonly maxSurge?: number | string
}
/**
 * What a DaemonSet has running.
 */
export interface DaemonSetStatus {
/**
 * Nodes that should have its pod and do.
 */
readonly currentNumberScheduled: number
/**
 * Nodes that have its pod and should not.
 */
readonly numberMisscheduled: number
/**
 * Nodes that should have its pod.
 */
readonly desiredNumberScheduled: number
/**
 * Nodes on which a pod is ready.
 */
readonly numberReady: number
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * Nodes that have a pod of the current template.
 */
readonly updatedNumberScheduled?: number
/**
 * Nodes on which a pod has been ready for minReadySeconds.
 */
readonly numberAvailable?: number
/**
 * Nodes that should have an available pod and have none.
 */
readonly numberUnavailable?: number
/**
 * Raised when a new revision's name is taken already, so that another hash is tried.
 */
readonly collisionCount?: number
/**
 * What is known of the DaemonSet, each fact with its reason.
 */
readonly conditions?: readonly DaemonSetCondition[]
}
/**
 * One fact about a DaemonSet.
 */
export interface DaemonSetCondition {
/**
 * Kind of the fact.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * A number of equal pods that is kept running, and replaced step by step when its pod template changes.
 */
export interface Deployment {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: DeploymentSpec
readonly status?: DeploymentStatus
}
/**
 * What a Deployment keeps running.
 */
export interface DeploymentSpec {
/**
 * How many pods are wanted. Without it, 1.
 */
readonly replicas?: number
readonly selector: LabelSelector
readonly template: PodTemplateSpec
readonly strategy?: DeploymentStrategy
/**
 * Seconds a new pod must stay ready, without a crash, before it counts as available.
 */
readonly minReadySeconds?: number
/**
 * How many old ReplicaSets are kept to roll back to. Without it, 10.
 */
readonly revisionHistoryLimit?: number
/**
 * Holds rollouts back while true; scaling still works.
 */
readonly paused?: boolean
/**
 * Seconds without progress after which a rollout is reported as failed. Without it, 600.
 */
readonly progressDeadlineSeconds?: number
}
/**
 * How old pods give way to new ones.
 */
export interface DeploymentStrategy {
/**
 * RollingUpdate replaces pods a few at a time; Recreate ends all old pods before it starts new ones.
 */
readonly type?: string
readonly rollingUpdate?: RollingUpdateDeployment
}
/**
 * How many pods a rolling update may add or miss at a time.
 */
export interface RollingUpdateDeployment {
/**
 * Most pods that may be missing below the wanted number: a count, or a percentage rounded down. Without it, 25%.
 */
readonly maxUnavailable?: number | string
/**
 * Most pods that may run above the wanted number: a count, or a percentage rounded up. Without it, 25%.
 */
readonly maxSurge?: number | string
}
/**
 * How far a Deployment has come.
 */
export interface DeploymentStatus {
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * Pods that match the selector and are not ending.
 */
readonly replicas?: number
/**
 * Pods made from the current template.
 */
readonly updatedReplicas?: number
/**
 * Pods that have been ready for minReadySeconds.
 */
readonly availableReplicas?: number
/**
 * Pods still missing until all wanted ones are available.
 */
readonly unavailableReplicas?: number
/**
 * Available, Progressing and ReplicaFailure, each with the reason.
 */
readonly conditions?: readonly DeploymentCondition[]
/**
 * Pods that are ready.
 */
readonly readyReplicas?: number
/**
 * Raised when a new ReplicaSet's name is taken already, so that another hash is tried.
 */
readonly collisionCount?: number
/**
 * Pods that are being deleted but have not gone yet.
 */
readonly terminatingReplicas?: number
}
/**
 * One fact about a Deployment.
 */
export interface DeploymentCondition {
/**
 * Available, Progressing or ReplicaFailure.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
/**
 * When the condition was last written.
 */
readonly lastUpdateTime?: (string | null)
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
}
/**
 * A number of equal pods that is kept running. Usually made by a Deployment.
 */
export interface ReplicaSet {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ReplicaSetSpec
readonly status?: ReplicaSetStatus
}
/**
 * What a ReplicaSet keeps running.
 */
export interface ReplicaSetSpec {
/**
 * How many pods are wanted. Without it, 1.
 */
readonly replicas?: number
readonly selector: LabelSelector
readonly template?: PodTemplateSpec
/**
 * Seconds a pod must stay ready, without a crash, before it counts as available.
 */
readonly minReadySeconds?: number
}
/**
 * What a ReplicaSet has running.
 */
export interface ReplicaSetStatus {
/**
 * Pods that match the selector and are not ending.
 */
readonly replicas: number
/**
 * Pods that have all labels of the template.
 */
readonly fullyLabeledReplicas?: number
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * Pods that are ready.
 */
readonly readyReplicas?: number
/**
 * Pods that have been ready for minReadySeconds.
 */
readonly availableReplicas?: number
/**
 * ReplicaFailure, when pods cannot be made or deleted.
 */
readonly conditions?: readonly ReplicaSetCondition[]
/**
 * Pods that are being deleted but have not gone yet.
 */
readonly terminatingReplicas?: number
}
/**
 * One fact about a ReplicaSet.
 */
export interface ReplicaSetCondition {
/**
 * Such as ReplicaFailure.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * Pods with fixed names and storage of their own, numbered from 0, that are made, changed and removed in order.
 */
export interface StatefulSet {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: StatefulSetSpec
readonly status?: StatefulSetStatus
}
/**
 * What a StatefulSet keeps running.
 */
export interface StatefulSetSpec {
/**
 * How many pods are wanted. Without it, 1.
 */
readonly replicas?: number
readonly selector: LabelSelector
readonly template: PodTemplateSpec
/**
 * Claims that every pod gets for itself, named after template and pod. A claim stands in for a volume of the same name in the pod template.
 */
readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[]
/**
 * The headless Service that gives the pods their host names. It must exist before the StatefulSet.
 */
readonly serviceName?: string
/**
 * OrderedReady makes one pod after the other has become ready and removes them in reverse; Parallel makes and removes all at once. Cannot change later.
 */
readonly podManagementPolicy?: string
readonly updateStrategy?: StatefulSetUpdateStrategy
/**
 * How many old revisions are kept to roll back to. Without it, 10.
 */
readonly revisionHistoryLimit?: number
/**
 * Seconds a new pod must stay ready, without a crash, before it counts as available.
 */
readonly minReadySeconds?: number
readonly persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy
readonly ordinals?: StatefulSetOrdinals
}
/**
 * A wish for storage, and the volume that was found or made for it.
 */
export interface PersistentVolumeClaim {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: PersistentVolumeClaimSpec
readonly status?: PersistentVolumeClaimStatus
}
/**
 * The volume that a claim has, and how it is doing.
 */
export interface PersistentVolumeClaimStatus {
/**
 * Pending until a volume is found, Bound with one, Lost when its volume has gone.
 */
readonly phase?: string
/**
 * How the volume can be mounted.
 */
readonly accessModes?: readonly string[]
/**
 * Size of the volume.
 */
readonly capacity?: {
readonly [k: string]: string
}
/**
 * What is being done to the volume, such as resizing.
 */
readonly conditions?: readonly PersistentVolumeClaimCondition[]
/**
 * Size that is reserved while the volume grows.
 */
readonly allocatedResources?: {
readonly [k: string]: string
}
/**
 * How far a change of size is, by resource.
 */
readonly allocatedResourceStatuses?: {
readonly [k: string]: string
}
/**
 * Class whose attributes the volume has now.
 */
readonly currentVolumeAttributesClassName?: string
readonly modifyVolumeStatus?: ModifyVolumeStatus
}
/**
 * One fact about a claim.
 */
export interface PersistentVolumeClaimCondition {
/**
 * Such as Resizing or FileSystemResizePending.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When it was last looked at.
 */
readonly lastProbeTime?: (string | null)
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * A change from one class of volume attributes to another.
 */
export interface ModifyVolumeStatus {
/**
 * Class that the volume is to have.
 */
readonly targetVolumeAttributesClassName?: string
/**
 * Pending, InProgress or Infeasible.
 */
readonly status: string
}
/**
 * How pods of a StatefulSet follow a change of the template.
 */
export interface StatefulSetUpdateStrategy {
/**
 * RollingUpdate replaces pods from the highest number down; OnDelete leaves it to whoever deletes them.
 */
readonly type?: string
readonly rollingUpdate?: RollingUpdateStatefulSetStrategy
}
/**
 * Bounds of a StatefulSet's rolling update.
 */
export interface RollingUpdateStatefulSetStrategy {
/**
 * Pods with a smaller number keep their old revision. Without it, 0.
 */
readonly partition?: number
/**
 * Most pods that may be missing during an update: a count, or a percentage rounded up. Without it, 1; it cannot be 0.
 */
readonly maxUnavailable?: number | string
}
/**
 * What becomes of the claims made from volumeClaimTemplates.
 */
export interface StatefulSetPersistentVolumeClaimRetentionPolicy {
/**
 * Retain keeps the claims when the StatefulSet is deleted; Delete removes them with it.
 */
readonly whenDeleted?: string
/**
 * Retain keeps the claims of pods that a smaller number of replicas removes; Delete removes them with the pod.
 */
readonly whenScaled?: string
}
/**
 * How pods of a StatefulSet are numbered.
 */
export interface StatefulSetOrdinals {
/**
 * Number of the first pod. Without it, 0.
 */
readonly start?: number
}
/**
 * How far a StatefulSet has come.
 */
export interface StatefulSetStatus {
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * Pods that exist.
 */
readonly replicas: number
/**
 * Pods that are ready.
 */
readonly readyReplicas?: number
/**
 * Pods of the revision in currentRevision.
 */
readonly currentReplicas?: number
/**
 * Pods of the revision in updateRevision.
 */
readonly updatedReplicas?: number
/**
 * Revision of the pods that an update has not reached yet.
 */
readonly currentRevision?: string
/**
 * Revision that an update moves the pods to.
 */
readonly updateRevision?: string
/**
 * Raised when a new revision's name is taken already, so that another hash is tried.
 */
readonly collisionCount?: number
/**
 * What is known of the StatefulSet, each fact with its reason.
 */
readonly conditions?: readonly StatefulSetCondition[]
/**
 * Pods that have been ready for minReadySeconds.
 */
readonly availableReplicas?: number
}
/**
 * One fact about a StatefulSet.
 */
export interface StatefulSetCondition {
/**
 * Kind of the fact.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * Answers who the asking client is to the server.
 */
export interface SelfSubjectReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly status?: SelfSubjectReviewStatus
}
/**
 * Who the asking client is.
 */
export interface SelfSubjectReviewStatus {
readonly userInfo?: UserInfo
}
/**
 * A user as authentication sees it.
 */
export interface UserInfo {
/**
 * Name that is unique among active users.
 */
readonly username?: string
/**
 * Tells users of the same name in different times apart.
 */
readonly uid?: string
/**
 * Groups the user is in.
 */
readonly groups?: readonly string[]
/**
 * Further facts from the authenticator, such as scopes.
 */
readonly extra?: {
readonly [k: string]: readonly string[]
}
}
/**
 * Asks for a token of a service account.
 */
export interface TokenRequest {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: TokenRequestSpec
readonly status?: TokenRequestStatus
}
/**
 * What a token should be good for.
 */
export interface TokenRequestSpec {
/**
 * Who may accept the token; without any, the API server itself.
 */
readonly audiences?: readonly string[]
readonly boundObjectRef?: BoundObjectReference
/**
 * Seconds the token should live. The server may shorten it, and answers the real time. Without it, 3600.
 */
readonly expirationSeconds?: number
}
/**
 * The object a token is bound to.
 */
export interface BoundObjectReference {
/**
 * Pod, Secret or Node.
 */
readonly kind?: string
/**
 * Its API version.
 */
readonly apiVersion?: string
/**
 * Its name.
 */
readonly name?: string
/**
 * Its uid; a namesake made later does not count.
 */
readonly uid?: string
}
/**
 * A token that was issued.
 */
export interface TokenRequestStatus {
/**
 * The token, to be sent as a bearer token.
 */
readonly token?: string
/**
 * When it stops working.
 */
readonly expirationTimestamp?: string
}
/**
 * Asks whether a token is good, and whose it is.
 */
export interface TokenReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: TokenReviewSpec
readonly status?: TokenReviewStatus
}
/**
 * A token in question.
 */
export interface TokenReviewSpec {
/**
 * The bearer token.
 */
readonly token?: string
/**
 * Who is about to accept it; without any, the API server itself.
 */
readonly audiences?: readonly string[]
}
/**
 * What is known about a token.
 */
export interface TokenReviewStatus {
/**
 * Whether the token belongs to a known user.
 */
readonly authenticated?: boolean
readonly user?: UserInfo
/**
 * Why it could not be checked.
 */
readonly error?: string
/**
 * Those of the asked audiences that the token is for.
 */
readonly audiences?: readonly string[]
}
/**
 * Asks whether some user may do something in one namespace.
 */
export interface LocalSubjectAccessReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SubjectAccessReviewSpec
readonly status?: SubjectAccessReviewStatus
}
/**
 * Who would do what.
 */
export interface SubjectAccessReviewSpec {
readonly resourceAttributes?: ResourceAttributes
readonly nonResourceAttributes?: NonResourceAttributes
/**
 * Name of the user.
 */
readonly user?: string
/**
 * Groups of the user.
 */
readonly groups?: readonly string[]
/**
 * Further facts about the user, from its authenticator.
 */
readonly extra?: {
readonly [k: string]: readonly string[]
}
/**
 * Uid of the user.
 */
readonly uid?: string
}
/**
 * A request for API objects, as authorization sees it.
 */
export interface ResourceAttributes {
/**
 * Namespace of the request; empty for cluster-scoped resources and for all namespaces.
 */
readonly namespace?: string
/**
 * Such as get, list, watch, create, update, patch or delete; * for all.
 */
readonly verb?: string
/**
 * API group; * for all.
 */
readonly group?: string
/**
 * API version; * for all.
 */
readonly version?: string
/**
 * Plural name of the resource, such as pods; * for all.
 */
readonly resource?: string
/**
 * Part of the resource, such as log; empty for none.
 */
readonly subresource?: string
/**
 * Name of one object; empty for all.
 */
readonly name?: string
readonly fieldSelector?: FieldSelectorAttributes
readonly labelSelector?: LabelSelectorAttributes
}
/**
 * A field selector in a request to be authorized.
 */
export interface FieldSelectorAttributes {
/**
 * The selector as text, as it stands in the query. Excludes requirements.
 */
readonly rawSelector?: string
/**
 * The selector in parts, all of which hold. Excludes rawSelector.
 */
readonly requirements?: readonly FieldSelectorRequirement[]
}
/**
 * One requirement on a field.
 */
export interface FieldSelectorRequirement {
/**
 * The field.
 */
readonly key: string
/**
 * In, NotIn, Exists or DoesNotExist.
 */
readonly operator: string
/**
 * Values for In and NotIn; none for the others.
 */
readonly values?: readonly string[]
}
/**
 * A label selector in a request to be authorized.
 */
export interface LabelSelectorAttributes {
/**
 * The selector as text, as it stands in the query. Excludes requirements.
 */
readonly rawSelector?: string
/**
 * The selector in parts, all of which hold. Excludes rawSelector.
 */
readonly requirements?: readonly LabelSelectorRequirement[]
}
/**
 * A request for a path that is not an API object.
 */
export interface NonResourceAttributes {
/**
 * The path.
 */
readonly path?: string
/**
 * HTTP method in lower case.
 */
readonly verb?: string
}
/**
 * Whether a request would be allowed.
 */
export interface SubjectAccessReviewStatus {
/**
 * True when it would be allowed.
 */
readonly allowed: boolean
/**
 * Why, if the authorizer says so.
 */
readonly reason?: string
/**
 * What went wrong on the way; the answer may hold nevertheless.
 */
readonly evaluationError?: string
/**
 * True when it would be denied outright, whatever other authorizers say.
 */
readonly denied?: boolean
}
/**
 * Asks whether the asking client may do something.
 */
export interface SelfSubjectAccessReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SelfSubjectAccessReviewSpec
readonly status?: SubjectAccessReviewStatus
}
/**
 * What the asking client would do.
 */
export interface SelfSubjectAccessReviewSpec {
readonly resourceAttributes?: ResourceAttributes
readonly nonResourceAttributes?: NonResourceAttributes
}
/**
 * Asks for everything that the asking client may do in one namespace.
 */
export interface SelfSubjectRulesReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SelfSubjectRulesReviewSpec
readonly status?: SubjectRulesReviewStatus
}
/**
 * Which namespace is meant.
 */
export interface SelfSubjectRulesReviewSpec {
/**
 * The namespace; required.
 */
readonly namespace?: string
}
/**
 * What a user may do in a namespace, as far as it can be listed.
 */
export interface SubjectRulesReviewStatus {
/**
 * What may be done to resources. The order means nothing, and rules may repeat each other.
 */
readonly resourceRules: readonly ResourceRule[]
/**
 * Which other paths may be used. The order means nothing, and rules may repeat each other.
 */
readonly nonResourceRules: readonly NonResourceRule[]
/**
 * True when more may be allowed than is listed, because not every authorizer can list its rules.
 */
readonly incomplete: boolean
/**
 * What went wrong on the way, such as a role that is missing.
 */
readonly evaluationError?: string
}
/**
 * Verbs that are allowed for some resources.
 */
export interface ResourceRule {
/**
 * Verbs, such as get or list; * for all.
 */
readonly verbs: readonly string[]
/**
 * API groups of the resources; * for all.
 */
readonly apiGroups?: readonly string[]
/**
 * Resources; * for all of the groups, * /scale for one subresource of all.
 */
readonly resources?: readonly string[]
/**
 * Names of single objects that the rule is limited to; without any it holds for all.
 */
readonly resourceNames?: readonly string[]
}
/**
 * Verbs that are allowed for some paths.
 */
export interface NonResourceRule {
/**
 * HTTP methods in lower case; * for all.
 */
readonly verbs: readonly string[]
/**
 * Paths; a * at the end stands for anything after it.
 */
readonly nonResourceURLs?: readonly string[]
}
/**
 * Asks whether some user may do something.
 */
export interface SubjectAccessReview {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SubjectAccessReviewSpec
readonly status?: SubjectAccessReviewStatus
}
/**
 * Keeps the number of replicas of a workload in line with the processor time that its pods use. The same autoscalers as those of v2; what this version has no fields for is in annotations.
 */
export interface HorizontalPodAutoscalerV1 {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: HorizontalPodAutoscalerV1Spec
readonly status?: HorizontalPodAutoscalerV1Status
}
/**
 * What is scaled, by which use and how far.
 */
export interface HorizontalPodAutoscalerV1Spec {
readonly scaleTargetRef: CrossVersionObjectReferenceV1
/**
 * The fewest replicas. Without it, 1.
 */
readonly minReplicas?: number
/**
 * The most replicas.
 */
readonly maxReplicas: number
/**
 * How much of the processor time that they request pods should use on average, in percent.
 */
readonly targetCPUUtilizationPercentage?: number
}
/**
 * Names an object of any version.
 */
export interface CrossVersionObjectReferenceV1 {
/**
 * Kind of the object.
 */
readonly kind: string
/**
 * Name of the object.
 */
readonly name: string
/**
 * Group and version of the object.
 */
readonly apiVersion?: string
}
/**
 * What pods use and what follows from it.
 */
export interface HorizontalPodAutoscalerV1Status {
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * When the number of replicas was last changed.
 */
readonly lastScaleTime?: string
/**
 * How many replicas there were when it was last looked at.
 */
readonly currentReplicas: number
/**
 * How many there should be.
 */
readonly desiredReplicas: number
/**
 * How much of the processor time that they request pods use on average, in percent.
 */
readonly currentCPUUtilizationPercentage?: number
}
/**
 * How many replicas a workload has, in a form that is the same for all workloads.
 */
export interface Scale {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ScaleSpec
readonly status?: ScaleStatus
}
/**
 * How many replicas are wanted.
 */
export interface ScaleSpec {
/**
 * The wanted number.
 */
readonly replicas?: number
}
/**
 * How many replicas there are.
 */
export interface ScaleStatus {
/**
 * The present number.
 */
readonly replicas: number
/**
 * Label selector of the workload's pods, as text.
 */
readonly selector?: string
}
/**
 * Keeps the number of replicas of a workload in line with what its pods use.
 */
export interface HorizontalPodAutoscaler {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: HorizontalPodAutoscalerSpec
readonly status?: HorizontalPodAutoscalerStatus
}
/**
 * What is scaled, by which figures and how far.
 */
export interface HorizontalPodAutoscalerSpec {
readonly scaleTargetRef: CrossVersionObjectReference
/**
 * The fewest replicas. Without it, 1.
 */
readonly minReplicas?: number
/**
 * The most replicas.
 */
readonly maxReplicas: number
/**
 * The figures; the one that asks for most replicas counts. Without any, 80% of the requested processor time.
 */
readonly metrics?: readonly MetricSpec[]
readonly behavior?: HorizontalPodAutoscalerBehavior
}
/**
 * Names an object of any version.
 */
export interface CrossVersionObjectReference {
/**
 * Kind of the object.
 */
readonly kind: string
/**
 * Name of the object.
 */
readonly name: string
/**
 * Group and version of the object.
 */
readonly apiVersion?: string
}
/**
 * A figure and what it should be. The field that its type names must be set.
 */
export interface MetricSpec {
/**
 * Resource, ContainerResource, Pods, Object or External.
 */
readonly type: string
readonly object?: ObjectMetricSource
readonly pods?: PodsMetricSource
readonly resource?: ResourceMetricSource
readonly containerResource?: ContainerResourceMetricSource
readonly external?: ExternalMetricSource
}
/**
 * A figure about one object, and what it should be.
 */
export interface ObjectMetricSource {
readonly describedObject: CrossVersionObjectReference
readonly target: MetricTarget
readonly metric: MetricIdentifier
}
/**
 * What a figure should be.
 */
export interface MetricTarget {
/**
 * Whether the figure is a Utilization, a Value or an AverageValue.
 */
readonly type: string
/**
 * The figure itself.
 */
readonly value?: string
/**
 * The figure divided by the number of pods.
 */
readonly averageValue?: string
/**
 * The average use in percent of what pods request; for resources only.
 */
readonly averageUtilization?: number
}
/**
 * Names a figure.
 */
export interface MetricIdentifier {
/**
 * Name of the figure.
 */
readonly name: string
readonly selector?: LabelSelector
}
/**
 * A figure about each pod, and what it should be on average.
 */
export interface PodsMetricSource {
readonly metric: MetricIdentifier
readonly target: MetricTarget
}
/**
 * What pods use of a resource, and what they should on average.
 */
export interface ResourceMetricSource {
/**
 * Name of the resource, such as cpu.
 */
readonly name: string
readonly target: MetricTarget
}
/**
 * What one container of each pod uses of a resource, and what it should on average.
 */
export interface ContainerResourceMetricSource {
/**
 * Name of the resource, such as cpu.
 */
readonly name: string
readonly target: MetricTarget
/**
 * Name of the container.
 */
readonly container: string
}
/**
 * A figure from outside of the cluster, and what it should be.
 */
export interface ExternalMetricSource {
readonly metric: MetricIdentifier
readonly target: MetricTarget
}
/**
 * How fast replicas may come and go.
 */
export interface HorizontalPodAutoscalerBehavior {
readonly scaleUp?: HPAScalingRules
readonly scaleDown?: HPAScalingRules
}
/**
 * How fast replicas may change in one direction.
 */
export interface HPAScalingRules {
/**
 * Over how many seconds past results are taken into account, so that the number does not go to and fro.
 */
readonly stabilizationWindowSeconds?: number
/**
 * Which policy counts: Max the one that allows the largest change, Min the smallest; Disabled allows none.
 */
readonly selectPolicy?: string
/**
 * How much may change in how much time.
 */
readonly policies?: readonly HPAScalingPolicy[]
/**
 * By which share the figure may miss its target before anything changes. Without it, 0.1.
 */
readonly tolerance?: string
}
/**
 * How much may change in how much time.
 */
export interface HPAScalingPolicy {
/**
 * Whether the value counts pods (Pods) or is a percentage of them (Percent).
 */
readonly type: string
/**
 * How much may change.
 */
readonly value: number
/**
 * In how many seconds; at most 1800.
 */
readonly periodSeconds: number
}
/**
 * What the figures are and what follows from them.
 */
export interface HorizontalPodAutoscalerStatus {
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * When the number of replicas was last changed.
 */
readonly lastScaleTime?: string
/**
 * How many replicas there were when it was last looked at.
 */
readonly currentReplicas?: number
/**
 * How many there should be.
 */
readonly desiredReplicas: number
/**
 * The figures as they were last read.
 */
readonly currentMetrics?: (readonly MetricStatus[] | null)
/**
 * AbleToScale, ScalingActive and ScalingLimited, with their reasons.
 */
readonly conditions?: readonly HorizontalPodAutoscalerCondition[]
}
/**
 * A figure as it was last read.
 */
export interface MetricStatus {
/**
 * Resource, ContainerResource, Pods, Object or External.
 */
readonly type: string
readonly object?: ObjectMetricStatus
readonly pods?: PodsMetricStatus
readonly resource?: ResourceMetricStatus
readonly containerResource?: ContainerResourceMetricStatus
readonly external?: ExternalMetricStatus
}
/**
 * A figure about one object, as it was last read.
 */
export interface ObjectMetricStatus {
readonly metric: MetricIdentifier
readonly current: MetricValueStatus
readonly describedObject: CrossVersionObjectReference
}
/**
 * The value of a figure.
 */
export interface MetricValueStatus {
/**
 * The figure itself.
 */
readonly value?: string
/**
 * The figure divided by the number of pods.
 */
readonly averageValue?: string
/**
 * The average use in percent of what pods request.
 */
readonly averageUtilization?: number
}
/**
 * A figure about each pod, as it was last read.
 */
export interface PodsMetricStatus {
readonly metric: MetricIdentifier
readonly current: MetricValueStatus
}
/**
 * What pods use of a resource, as it was last read.
 */
export interface ResourceMetricStatus {
/**
 * Name of the resource.
 */
readonly name: string
readonly current: MetricValueStatus
}
/**
 * What one container of each pod uses of a resource, as it was last read.
 */
export interface ContainerResourceMetricStatus {
/**
 * Name of the resource.
 */
readonly name: string
readonly current: MetricValueStatus
/**
 * Name of the container.
 */
readonly container: string
}
/**
 * A figure from outside of the cluster, as it was last read.
 */
export interface ExternalMetricStatus {
readonly metric: MetricIdentifier
readonly current: MetricValueStatus
}
/**
 * One fact about an autoscaler.
 */
export interface HorizontalPodAutoscalerCondition {
/**
 * AbleToScale, ScalingActive or ScalingLimited.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * Starts a Job again and again, by a schedule.
 */
export interface CronJob {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: CronJobSpec
readonly status?: CronJobStatus
}
/**
 * What a CronJob starts, and when.
 */
export interface CronJobSpec {
/**
 * When to start, as the five fields of cron, or @hourly, @daily, @weekly, @monthly, @yearly.
 */
readonly schedule: string
/**
 * Time zone of the schedule, such as Europe/Berlin. Without it, that of the controller.
 */
readonly timeZone?: string
/**
 * Seconds after its time when a start that was missed is given up.
 */
readonly startingDeadlineSeconds?: number
/**
 * What happens when the last Job still runs: Allow starts another, Forbid skips this time, Replace ends the old one.
 */
readonly concurrencyPolicy?: string
/**
 * Starts nothing while true; Jobs that run go on.
 */
readonly suspend?: boolean
readonly jobTemplate: JobTemplateSpec
/**
 * How many completed Jobs are kept. Without it, 3.
 */
readonly successfulJobsHistoryLimit?: number
/**
 * How many failed Jobs are kept. Without it, 1.
 */
readonly failedJobsHistoryLimit?: number
}
/**
 * A Job to make.
 */
export interface JobTemplateSpec {
readonly metadata?: ObjectMeta
readonly spec?: JobSpec
}
/**
 * What a Job does, how often, and when it gives up.
 */
export interface JobSpec {
/**
 * Most pods that run at a time. Without it, 1.
 */
readonly parallelism?: number
/**
 * How many pods must succeed. Without it, one success ends the Job, and parallelism may be any number.
 */
readonly completions?: number
/**
 * Seconds from its start after which the Job is ended as failed. The time a Job is suspended does not count.
 */
readonly activeDeadlineSeconds?: number
readonly podFailurePolicy?: PodFailurePolicy
readonly successPolicy?: SuccessPolicy
/**
 * How many failures of pods are tolerated before the Job fails. Without it, 6; no bound with backoffLimitPerIndex.
 */
readonly backoffLimit?: number
/**
 * How many failures of one index are tolerated before that index fails. Only for indexed Jobs with restartPolicy Never; cannot change.
 */
readonly backoffLimitPerIndex?: number
/**
 * How many indexes may fail before the whole Job does. Only with backoffLimitPerIndex.
 */
readonly maxFailedIndexes?: number
readonly selector?: LabelSelector
/**
 * Says that selector and labels were chosen by hand and nothing is to be added to them.
 */
readonly manualSelector?: boolean
readonly template: PodTemplateSpec
/**
 * Seconds after its end when the Job is deleted with its pods. Without it, it stays.
 */
readonly ttlSecondsAfterFinished?: number
/**
 * NonIndexed counts successes; Indexed gives every pod a number and wants one success of each from 0 to completions less 1.
 */
readonly completionMode?: string
/**
 * Holds the Job while true: its pods are ended, and no new ones are made.
 */
readonly suspend?: boolean
/**
 * TerminatingOrFailed makes a new pod as soon as one is being deleted; Failed waits until it has ended.
 */
readonly podReplacementPolicy?: string
/**
 * Name of the program that runs this Job, such as example.com/queue. Without it, the built-in controller does. Cannot change.
 */
readonly managedBy?: string
}
/**
 * What failures of pods mean for their Job.
 */
export interface PodFailurePolicy {
/**
 * Looked at in order; the first that fits a failed pod decides. If none does, the failure counts.
 */
readonly rules: (readonly PodFailurePolicyRule[] | null)
}
/**
 * One kind of failure, and what it means.
 */
export interface PodFailurePolicyRule {
/**
 * FailJob ends the Job, FailIndex the index, Ignore replaces the pod without counting, Count counts the failure.
 */
readonly action: string
readonly onExitCodes?: PodFailurePolicyOnExitCodesRequirement
/**
 * Conditions of the pod, any of which the rule is about.
 */
readonly onPodConditions?: readonly PodFailurePolicyOnPodConditionsPattern[]
}
/**
 * Exit codes that a failed container has, or has not. Successful containers are not looked at.
 */
export interface PodFailurePolicyOnExitCodesRequirement {
/**
 * Only this container's exit code counts. Without it, any container's does.
 */
readonly containerName?: string
/**
 * In fits when an exit code is among the values, NotIn when one is not.
 */
readonly operator: string
/**
 * Exit codes in ascending order, each once. 0 may not be given with In.
 */
readonly values: readonly number[]
}
/**
 * A condition that a failed pod has.
 */
export interface PodFailurePolicyOnPodConditionsPattern {
/**
 * Type of the condition.
 */
readonly type: string
/**
 * Status of the condition. Without it, True.
 */
readonly status?: string
}
/**
 * When a Job is complete although some indexes have not succeeded.
 */
export interface SuccessPolicy {
/**
 * Looked at in order; the first that holds completes the Job, and its remaining pods are ended.
 */
readonly rules: readonly SuccessPolicyRule[]
}
/**
 * Indexes that must have succeeded, or how many of them.
 */
export interface SuccessPolicyRule {
/**
 * Indexes that must have succeeded, such as 0,2-4. With succeededCount, those among which successes are counted.
 */
readonly succeededIndexes?: string
/**
 * How many indexes must have succeeded.
 */
readonly succeededCount?: number
}
/**
 * What a CronJob has started.
 */
export interface CronJobStatus {
/**
 * Jobs that run now.
 */
readonly active?: readonly ObjectReference[]
/**
 * Time by the schedule of the last start.
 */
readonly lastScheduleTime?: string
/**
 * When a Job last completed.
 */
readonly lastSuccessfulTime?: string
}
/**
 * Points to an object, or to a part of one.
 */
export interface ObjectReference {
/**
 * Its kind.
 */
readonly kind?: string
/**
 * Its namespace.
 */
readonly namespace?: string
/**
 * Its name.
 */
readonly name?: string
/**
 * Its uid.
 */
readonly uid?: string
/**
 * Its API version.
 */
readonly apiVersion?: string
/**
 * The version of it that is meant.
 */
readonly resourceVersion?: string
/**
 * The part of it that is meant, such as spec.containers{web}.
 */
readonly fieldPath?: string
}
/**
 * Work that ends: pods run until enough of them have succeeded.
 */
export interface Job {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: JobSpec
readonly status?: JobStatus
}
/**
 * How far a Job has come.
 */
export interface JobStatus {
/**
 * Complete, Failed, Suspended, and what announces them: SuccessCriteriaMet, FailureTarget.
 */
readonly conditions?: readonly JobCondition[]
/**
 * When the Job was started, or last resumed.
 */
readonly startTime?: string
/**
 * When the Job completed. Set only for success.
 */
readonly completionTime?: string
/**
 * Pods that are pending or running and not being deleted.
 */
readonly active?: number
/**
 * Pods that have succeeded.
 */
readonly succeeded?: number
/**
 * Pods that have failed.
 */
readonly failed?: number
/**
 * Pods that are pending or running and being deleted.
 */
readonly terminating?: number
/**
 * Indexes that have succeeded, such as 1,3-5,7.
 */
readonly completedIndexes?: string
/**
 * Indexes that have failed for good, such as 1,3-5,7. Only with backoffLimitPerIndex.
 */
readonly failedIndexes?: string
readonly uncountedTerminatedPods?: UncountedTerminatedPods
/**
 * Active pods that are ready.
 */
readonly ready?: number
}
/**
 * One fact about a Job.
 */
export interface JobCondition {
/**
 * Complete, Failed, Suspended, SuccessCriteriaMet or FailureTarget.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the fact was last looked at.
 */
readonly lastProbeTime?: (string | null)
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * Pods that have ended but are not yet in the Job's counts.
 */
export interface UncountedTerminatedPods {
/**
 * Uids of pods that have succeeded.
 */
readonly succeeded?: readonly string[]
/**
 * Uids of pods that have failed.
 */
readonly failed?: readonly string[]
}
/**
 * Asks a signer for a certificate. Somebody approves or denies it; then the signer answers in the status.
 */
export interface CertificateSigningRequest {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: CertificateSigningRequestSpec
readonly status?: CertificateSigningRequestStatus
}
/**
 * What is asked for, and by whom.
 */
export interface CertificateSigningRequestSpec {
/**
 * The PKCS 10 request in PEM form.
 */
readonly request: string
/**
 * Who shall sign: a domain, a slash and a path. Names under kubernetes.io are the cluster's own signers.
 */
readonly signerName: string
/**
 * How long the certificate should be valid, at least 600. The signer may give less.
 */
readonly expirationSeconds?: number
/**
 * What the key will be used for, such as client auth or digital signature.
 */
readonly usages?: readonly string[]
/**
 * Who has made the request; set by the server.
 */
readonly username?: string
/**
 * The uid of who has made the request; set by the server.
 */
readonly uid?: string
/**
 * The groups of who has made the request; set by the server.
 */
readonly groups?: readonly string[]
/**
 * Further facts about who has made the request; set by the server.
 */
readonly extra?: {
readonly [k: string]: readonly string[]
}
}
/**
 * What was decided about a request, and the certificate.
 */
export interface CertificateSigningRequestStatus {
/**
 * Approved, Denied or Failed, with who says so and why.
 */
readonly conditions?: readonly CertificateSigningRequestCondition[]
/**
 * The certificate in PEM form, and after it any intermediate ones.
 */
readonly certificate?: string
}
/**
 * A decision about a signing request.
 */
export interface CertificateSigningRequestCondition {
/**
 * Approved, Denied or Failed. None of them can be taken back, and a request cannot be both of the first two.
 */
readonly type: string
/**
 * Always True for the known types.
 */
readonly status: string
/**
 * Why, in one word.
 */
readonly reason?: string
/**
 * Why, for people.
 */
readonly message?: string
/**
 * When the condition was last touched.
 */
readonly lastUpdateTime?: (string | null)
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: (string | null)
}
/**
 * A role that one holder has for a limited time: leader election and node heartbeats.
 */
export interface Lease {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: LeaseSpec
}
/**
 * Who holds a lease, and until when.
 */
export interface LeaseSpec {
/**
 * Who holds it; empty when it is free.
 */
readonly holderIdentity?: string
/**
 * Seconds after renewTime before somebody else may take it.
 */
readonly leaseDurationSeconds?: number
/**
 * When the present holder took it.
 */
readonly acquireTime?: string
/**
 * When the present holder last confirmed it.
 */
readonly renewTime?: string
/**
 * How often it has changed hands.
 */
readonly leaseTransitions?: number
/**
 * How the next holder is chosen, under coordinated leader election.
 */
readonly strategy?: string
/**
 * To whom the holder should hand it over; needs a strategy.
 */
readonly preferredHolder?: string
}
/**
 * Assigns a pod to a node.
 */
export interface Binding {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly target: ObjectReference
}
/**
 * Whether a part of the control plane is healthy. Deprecated; the health addresses of each part say more.
 */
export interface ComponentStatus {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * What was found.
 */
readonly conditions?: readonly ComponentCondition[]
}
/**
 * One finding about a part of the control plane.
 */
export interface ComponentCondition {
/**
 * Always Healthy.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * What the part answered.
 */
readonly message?: string
/**
 * What went wrong when it was asked.
 */
readonly error?: string
}
/**
 * Settings as keys and values, to be read by containers.
 */
export interface ConfigMap {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Values as text, by key.
 */
readonly data?: {
readonly [k: string]: string
}
/**
 * Values that are not UTF-8 text, as base64, by key. A key may not be in data, too.
 */
readonly binaryData?: {
readonly [k: string]: string
}
/**
 * When true, the values can never be changed again.
 */
readonly immutable?: boolean
}
/**
 * The addresses behind a Service, in one object. EndpointSlices have taken its place; it is kept for old clients.
 */
export interface Endpoints {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Addresses, grouped by the ports they have in common. An address is in several groups where its ports differ.
 */
readonly subsets?: readonly EndpointSubset[]
}
/**
 * Addresses that offer the same ports.
 */
export interface EndpointSubset {
/**
 * Addresses that are ready.
 */
readonly addresses?: readonly EndpointAddress[]
/**
 * Addresses that are not ready yet, or have ceased to be.
 */
readonly notReadyAddresses?: readonly EndpointAddress[]
/**
 * Ports that all of the addresses offer.
 */
readonly ports?: readonly CoreV1EndpointPort[]
}
/**
 * One address behind a Service.
 */
export interface EndpointAddress {
/**
 * The address.
 */
readonly ip: string
/**
 * Host name of the endpoint in DNS.
 */
readonly hostname?: string
/**
 * Node it is on.
 */
readonly nodeName?: string
readonly targetRef?: ObjectReference
}
/**
 * One port of a group of endpoints.
 */
export interface CoreV1EndpointPort {
/**
 * Name of the port, as in the Service. Needed where there are several.
 */
readonly name?: string
/**
 * Its number.
 */
readonly port: number
/**
 * TCP, UDP or SCTP.
 */
readonly protocol?: string
/**
 * Protocol spoken above the transport, as a hint.
 */
readonly appProtocol?: string
}
/**
 * Something that happened to an object and that a person may want to know. Kept for a limited time.
 */
export interface CoreEvent {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly involvedObject: ObjectReference
/**
 * What happened, in one CamelCase word.
 */
readonly reason?: string
/**
 * What happened, in a sentence.
 */
readonly message?: string
readonly source?: EventSource
/**
 * When it was first seen.
 */
readonly firstTimestamp?: (string | null)
/**
 * When it was last seen.
 */
readonly lastTimestamp?: (string | null)
/**
 * How often it was seen.
 */
readonly count?: number
/**
 * Normal or Warning.
 */
readonly type?: string
/**
 * When it was first seen, to the microsecond.
 */
readonly eventTime?: (string | null)
readonly series?: EventSeries
/**
 * What the component did, or could not do.
 */
readonly action?: string
readonly related?: ObjectReference
/**
 * Component that told it, such as kubelet.
 */
readonly reportingComponent?: string
/**
 * Which instance of that component.
 */
readonly reportingInstance?: string
}
/**
 * Which component told an event.
 */
export interface EventSource {
/**
 * Name of the component.
 */
readonly component?: string
/**
 * Node it ran on.
 */
readonly host?: string
}
/**
 * How often an event has come again.
 */
export interface EventSeries {
/**
 * Times it was seen in this series.
 */
readonly count?: number
/**
 * When it was last seen.
 */
readonly lastObservedTime?: (string | null)
}
/**
 * Bounds and defaults for the resources of each object in a namespace.
 */
export interface LimitRange {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: LimitRangeSpec
}
/**
 * Bounds by kind of object.
 */
export interface LimitRangeSpec {
/**
 * One entry for each kind of object.
 */
readonly limits?: (readonly LimitRangeItem[] | null)
}
/**
 * Bounds and defaults for objects of one kind.
 */
export interface LimitRangeItem {
/**
 * Container, Pod or PersistentVolumeClaim.
 */
readonly type: string
/**
 * The most that may be asked for, by resource.
 */
readonly max?: {
readonly [k: string]: string
}
/**
 * The least that must be asked for, by resource.
 */
readonly min?: {
readonly [k: string]: string
}
/**
 * Limit of a container that states none, by resource.
 */
readonly default?: {
readonly [k: string]: string
}
/**
 * Request of a container that states none, by resource.
 */
readonly defaultRequest?: {
readonly [k: string]: string
}
/**
 * How many times its request a limit may be, by resource.
 */
readonly maxLimitRequestRatio?: {
readonly [k: string]: string
}
}
/**
 * A room for names. Deleting it deletes everything in it.
 */
export interface Namespace {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: NamespaceSpec
readonly status?: NamespaceStatus
}
/**
 * Who has a say before a namespace goes.
 */
export interface NamespaceSpec {
/**
 * Those who must have cleaned up before it is removed.
 */
readonly finalizers?: readonly string[]
}
/**
 * Where a namespace is in its life.
 */
export interface NamespaceStatus {
/**
 * Active, or Terminating while its content is deleted.
 */
readonly phase?: string
/**
 * What keeps a deleted namespace from going.
 */
readonly conditions?: readonly NamespaceCondition[]
}
/**
 * One fact about a namespace that is being deleted.
 */
export interface NamespaceCondition {
/**
 * Such as NamespaceContentRemaining.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * A machine that runs pods.
 */
export interface Node {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: NodeSpec
readonly status?: NodeStatus
}
/**
 * Settings of a node.
 */
export interface NodeSpec {
/**
 * First address range for the pods of this node.
 */
readonly podCIDR?: string
/**
 * No longer used.
 */
readonly externalID?: string
/**
 * Identifies the machine to its cloud provider.
 */
readonly providerID?: string
/**
 * Keeps new pods away; kubectl cordon sets it.
 */
readonly unschedulable?: boolean
/**
 * Marks that keep away pods which do not tolerate them.
 */
readonly taints?: readonly Taint[]
readonly configSource?: NodeConfigSource
/**
 * Address ranges for the pods of this node, at most one per IP family.
 */
readonly podCIDRs?: readonly string[]
}
/**
 * A mark on a node that keeps pods away.
 */
export interface Taint {
/**
 * Name of the taint.
 */
readonly key: string
/**
 * Value of the taint.
 */
readonly value?: string
/**
 * NoSchedule keeps new pods out, PreferNoSchedule tries to, NoExecute also evicts those that run.
 */
readonly effect: string
/**
 * When a NoExecute taint was put on.
 */
readonly timeAdded?: string
}
/**
 * No longer used: where kubelet settings come from.
 */
export interface NodeConfigSource {
readonly configMap?: ConfigMapNodeConfigSource
}
/**
 * No longer used: a ConfigMap with kubelet settings.
 */
export interface ConfigMapNodeConfigSource {
/**
 * Namespace of the ConfigMap.
 */
readonly namespace: string
/**
 * Name of the ConfigMap.
 */
readonly name: string
/**
 * Uid of the ConfigMap.
 */
readonly uid?: string
/**
 * Version of the ConfigMap.
 */
readonly resourceVersion?: string
/**
 * Key that holds the settings.
 */
readonly kubeletConfigKey: string
}
/**
 * What a node reports of itself.
 */
export interface NodeStatus {
/**
 * Everything the machine has, by resource.
 */
readonly capacity?: {
readonly [k: string]: string
}
/**
 * What pods may use of it, by resource.
 */
readonly allocatable?: {
readonly [k: string]: string
}
/**
 * No longer used.
 */
readonly phase?: string
/**
 * Ready, MemoryPressure, DiskPressure, PIDPressure and NetworkUnavailable.
 */
readonly conditions?: readonly NodeCondition[]
/**
 * Addresses and names the node can be reached by.
 */
readonly addresses?: readonly NodeAddress[]
readonly daemonEndpoints?: NodeDaemonEndpoints
readonly nodeInfo?: NodeSystemInfo
/**
 * Container images on the node, largest first.
 */
readonly images?: readonly ContainerImage[]
/**
 * Attachable volumes that the node has mounted.
 */
readonly volumesInUse?: readonly string[]
/**
 * Volumes that are attached to the node.
 */
readonly volumesAttached?: readonly AttachedVolume[]
readonly config?: NodeConfigStatus
/**
 * Runtime handlers of the container runtime.
 */
readonly runtimeHandlers?: readonly NodeRuntimeHandler[]
readonly features?: NodeFeatures
/**
 * Names of features that this node offers to the scheduler.
 */
readonly declaredFeatures?: readonly string[]
}
/**
 * One fact about a node.
 */
export interface NodeCondition {
/**
 * Such as Ready or MemoryPressure.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the node last confirmed it.
 */
readonly lastHeartbeatTime?: (string | null)
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * One address of a node.
 */
export interface NodeAddress {
/**
 * Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.
 */
readonly type: string
/**
 * The address or name.
 */
readonly address: string
}
/**
 * Ports of a node's own services.
 */
export interface NodeDaemonEndpoints {
readonly kubeletEndpoint?: DaemonEndpoint
}
/**
 * The port of one service of a node.
 */
export interface DaemonEndpoint {
/**
 * Port number.
 */
readonly Port: number
}
/**
 * Versions and identities of a machine and its software.
 */
export interface NodeSystemInfo {
/**
 * The operating system's machine id.
 */
readonly machineID: string
/**
 * The hardware's uuid.
 */
readonly systemUUID: string
/**
 * Different after every boot.
 */
readonly bootID: string
/**
 * Version of the kernel.
 */
readonly kernelVersion: string
/**
 * Name of the operating system.
 */
readonly osImage: string
/**
 * Name and version of the container runtime, such as containerd://2.1.4.
 */
readonly containerRuntimeVersion: string
/**
 * Version of the node agent.
 */
readonly kubeletVersion: string
/**
 * No longer used.
 */
readonly kubeProxyVersion: string
/**
 * Such as linux.
 */
readonly operatingSystem: string
/**
 * Such as amd64 or arm64.
 */
readonly architecture: string
readonly swap?: NodeSwapStatus
}
/**
 * Swap space of a machine.
 */
export interface NodeSwapStatus {
/**
 * Its size in bytes.
 */
readonly capacity?: number
}
/**
 * A container image on a node.
 */
export interface ContainerImage {
/**
 * Names by which it is known, tags and digests.
 */
readonly names?: (readonly string[] | null)
/**
 * Its size in bytes.
 */
readonly sizeBytes?: number
}
/**
 * A volume attached to a node.
 */
export interface AttachedVolume {
/**
 * Name of the volume.
 */
readonly name: string
/**
 * Device under which the node sees it.
 */
readonly devicePath: string
}
/**
 * No longer used: state of settings from a ConfigMap.
 */
export interface NodeConfigStatus {
readonly assigned?: NodeConfigSource
readonly active?: NodeConfigSource
readonly lastKnownGood?: NodeConfigSource
/**
 * Why the assigned settings are not in use.
 */
readonly error?: string
}
/**
 * One handler of the container runtime.
 */
export interface NodeRuntimeHandler {
/**
 * Name of the handler; empty for the default one.
 */
readonly name?: string
readonly features?: NodeRuntimeHandlerFeatures
}
/**
 * What a runtime handler can do.
 */
export interface NodeRuntimeHandlerFeatures {
/**
 * Whether it can make mounts read-only with everything below them.
 */
readonly recursiveReadOnlyMounts?: boolean
/**
 * Whether it can run pods in user namespaces.
 */
readonly userNamespaces?: boolean
}
/**
 * What the container runtime's implementation can do.
 */
export interface NodeFeatures {
/**
 * Whether it follows supplementalGroupsPolicy.
 */
readonly supplementalGroupsPolicy?: boolean
}
/**
 * A piece of storage in the cluster, made by hand or for a claim.
 */
export interface PersistentVolume {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: PersistentVolumeSpec
readonly status?: PersistentVolumeStatus
}
/**
 * What a volume is, who has it and what becomes of it.
 */
export interface PersistentVolumeSpec {
/**
 * Its size.
 */
readonly capacity?: {
readonly [k: string]: string
}
readonly gcePersistentDisk?: GCEPersistentDiskVolumeSource
readonly awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
readonly hostPath?: HostPathVolumeSource
readonly glusterfs?: GlusterfsPersistentVolumeSource
readonly nfs?: NFSVolumeSource
readonly rbd?: RBDPersistentVolumeSource
readonly iscsi?: ISCSIPersistentVolumeSource
readonly cinder?: CinderPersistentVolumeSource
readonly cephfs?: CephFSPersistentVolumeSource
readonly fc?: FCVolumeSource
readonly flocker?: FlockerVolumeSource
readonly flexVolume?: FlexPersistentVolumeSource
readonly azureFile?: AzureFilePersistentVolumeSource
readonly vsphereVolume?: VsphereVirtualDiskVolumeSource
readonly quobyte?: QuobyteVolumeSource
readonly azureDisk?: AzureDiskVolumeSource
readonly photonPersistentDisk?: PhotonPersistentDiskVolumeSource
readonly portworxVolume?: PortworxVolumeSource
readonly scaleIO?: ScaleIOPersistentVolumeSource
readonly local?: LocalVolumeSource
readonly storageos?: StorageOSPersistentVolumeSource
readonly csi?: CSIPersistentVolumeSource
/**
 * How it can be mounted, such as ReadWriteOnce.
 */
readonly accessModes?: readonly string[]
readonly claimRef?: ObjectReference
/**
 * What becomes of it when its claim goes.
 */
readonly persistentVolumeReclaimPolicy?: string
/**
 * Class it belongs to; only claims of the same class get it.
 */
readonly storageClassName?: string
/**
 * Options for mounting it; they are not checked before.
 */
readonly mountOptions?: readonly string[]
/**
 * Whether it holds a file system or is a raw device.
 */
readonly volumeMode?: string
readonly nodeAffinity?: VolumeNodeAffinity
/**
 * Class with changeable attributes of the volume.
 */
readonly volumeAttributesClassName?: string
}
/**
 * A Gluster volume.
 */
export interface GlusterfsPersistentVolumeSource {
/**
 * Endpoints object with the addresses of the servers.
 */
readonly endpoints: string
/**
 * Name of the volume.
 */
readonly path: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Namespace of the endpoints; without it, that of the claim.
 */
readonly endpointsNamespace?: string
}
/**
 * A Ceph block device.
 */
export interface RBDPersistentVolumeSource {
/**
 * Addresses of the Ceph monitors.
 */
readonly monitors: readonly string[]
/**
 * Name of the image.
 */
readonly image: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Pool of the image.
 */
readonly pool?: string
/**
 * User of Ceph.
 */
readonly user?: string
/**
 * Path of the user's key ring.
 */
readonly keyring?: string
readonly secretRef?: SecretReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A Secret in any namespace.
 */
export interface SecretReference {
/**
 * Name of the Secret.
 */
readonly name?: string
/**
 * Namespace of the Secret.
 */
readonly namespace?: string
}
/**
 * A disk of an iSCSI target.
 */
export interface ISCSIPersistentVolumeSource {
/**
 * Address of the target.
 */
readonly targetPortal: string
/**
 * Qualified name of the target.
 */
readonly iqn: string
/**
 * Number of the disk.
 */
readonly lun: number
/**
 * Interface of the initiator.
 */
readonly iscsiInterface?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Further addresses of the target.
 */
readonly portals?: readonly string[]
/**
 * Authenticate by CHAP when targets are discovered.
 */
readonly chapAuthDiscovery?: boolean
/**
 * Authenticate by CHAP for the session.
 */
readonly chapAuthSession?: boolean
readonly secretRef?: SecretReference
/**
 * Qualified name of the initiator.
 */
readonly initiatorName?: string
}
/**
 * A disk of OpenStack.
 */
export interface CinderPersistentVolumeSource {
/**
 * Identity of the disk.
 */
readonly volumeID: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
readonly secretRef?: SecretReference
}
/**
 * A Ceph file system.
 */
export interface CephFSPersistentVolumeSource {
/**
 * Addresses of the Ceph monitors.
 */
readonly monitors: readonly string[]
/**
 * Directory to mount as the root.
 */
readonly path?: string
/**
 * User of Ceph.
 */
readonly user?: string
/**
 * Path of the file with the user's key.
 */
readonly secretFile?: string
readonly secretRef?: SecretReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A volume made by a FlexVolume plugin.
 */
export interface FlexPersistentVolumeSource {
/**
 * Name of the plugin.
 */
readonly driver: string
/**
 * File system to mount.
 */
readonly fsType?: string
readonly secretRef?: SecretReference
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Further settings for the plugin.
 */
readonly options?: {
readonly [k: string]: string
}
}
/**
 * A share of Azure Files.
 */
export interface AzureFilePersistentVolumeSource {
/**
 * Secret with the account's name and key.
 */
readonly secretName: string
/**
 * Name of the share.
 */
readonly shareName: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * Namespace of the Secret; without it, that of the claim.
 */
readonly secretNamespace?: (string | null)
}
/**
 * A ScaleIO volume.
 */
export interface ScaleIOPersistentVolumeSource {
/**
 * Address of the gateway.
 */
readonly gateway: string
/**
 * Name of the storage system.
 */
readonly system: string
readonly secretRef?: SecretReference
/**
 * Speak TLS with the gateway.
 */
readonly sslEnabled?: boolean
/**
 * Name of the protection domain.
 */
readonly protectionDomain?: string
/**
 * Pool of the protection domain.
 */
readonly storagePool?: string
/**
 * ThickProvisioned or ThinProvisioned.
 */
readonly storageMode?: string
/**
 * Name of the volume.
 */
readonly volumeName?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
}
/**
 * A directory or disk of one node.
 */
export interface LocalVolumeSource {
/**
 * Path on the node.
 */
readonly path: string
/**
 * File system to mount when the path is a block device.
 */
readonly fsType?: string
}
/**
 * A StorageOS volume.
 */
export interface StorageOSPersistentVolumeSource {
/**
 * Name of the volume.
 */
readonly volumeName?: string
/**
 * Namespace of the volume inside StorageOS.
 */
readonly volumeNamespace?: string
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
readonly secretRef?: ObjectReference
}
/**
 * A volume of a CSI driver.
 */
export interface CSIPersistentVolumeSource {
/**
 * Name of the driver.
 */
readonly driver: string
/**
 * Identity of the volume, as the driver named it.
 */
readonly volumeHandle: string
/**
 * Forbid writing.
 */
readonly readOnly?: boolean
/**
 * File system to mount.
 */
readonly fsType?: string
/**
 * What the driver said about the volume when it made it.
 */
readonly volumeAttributes?: {
readonly [k: string]: string
}
readonly controllerPublishSecretRef?: SecretReference
readonly nodeStageSecretRef?: SecretReference
readonly nodePublishSecretRef?: SecretReference
readonly controllerExpandSecretRef?: SecretReference
readonly nodeExpandSecretRef?: SecretReference
}
/**
 * Where a volume can be reached.
 */
export interface VolumeNodeAffinity {
readonly required?: NodeSelector
}
/**
 * Whether a volume is in use.
 */
export interface PersistentVolumeStatus {
/**
 * Available, Bound to a claim, Released by one, or Failed to be reclaimed.
 */
readonly phase?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * When the phase last changed.
 */
readonly lastPhaseTransitionTime?: string
}
/**
 * A pod to make copies of, kept for programs that do.
 */
export interface PodTemplate {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly template?: PodTemplateSpec
}
/**
 * Containers that run together on one node and share network and volumes.
 */
export interface Pod {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: PodSpec
readonly status?: PodStatus
}
/**
 * What is known of a pod now.
 */
export interface PodStatus {
/**
 * Pending, Running, Succeeded, Failed or Unknown.
 */
readonly phase?: string
/**
 * PodScheduled, Initialized, ContainersReady, Ready and others.
 */
readonly conditions?: readonly PodCondition[]
/**
 * Why it is in this phase, for people.
 */
readonly message?: string
/**
 * Why it is in this phase, in one CamelCase word such as Evicted.
 */
readonly reason?: string
/**
 * Address of its node.
 */
readonly hostIP?: string
/**
 * Address of the pod.
 */
readonly podIP?: string
/**
 * When its node took it up.
 */
readonly startTime?: string
/**
 * State of each container.
 */
readonly containerStatuses?: readonly ContainerStatus[]
/**
 * Guaranteed, Burstable or BestEffort; from requests and limits.
 */
readonly qosClass?: string
/**
 * State of each init container.
 */
readonly initContainerStatuses?: readonly ContainerStatus[]
/**
 * Node on which room is being made for it.
 */
readonly nominatedNodeName?: string
/**
 * Addresses of the pod, one per IP family; the first equals podIP.
 */
readonly podIPs?: readonly PodIP[]
/**
 * State of each debugging container.
 */
readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
/**
 * State of a change of resources; conditions tell it now.
 */
readonly resize?: string
/**
 * Claims that were made for it.
 */
readonly resourceClaimStatuses?: readonly PodResourceClaimStatus[]
/**
 * Addresses of its node, one per IP family.
 */
readonly hostIPs?: readonly HostIP[]
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
readonly extendedResourceClaimStatus?: PodExtendedResourceClaimStatus
/**
 * What its node has reserved for the pod as a whole.
 */
readonly allocatedResources?: {
readonly [k: string]: string
}
readonly resources?: ResourceRequirements
/**
 * Shares of the node's own resources taken by its claims.
 */
readonly nodeAllocatableResourceClaimStatuses?: readonly NodeAllocatableResourceClaimStatus[]
}
/**
 * One fact about a pod.
 */
export interface PodCondition {
/**
 * Such as Ready.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * No longer used.
 */
readonly lastProbeTime?: (string | null)
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
/**
 * Generation of the spec that the condition is about.
 */
readonly observedGeneration?: number
}
/**
 * State of a container.
 */
export interface ContainerStatus {
/**
 * Name of the container.
 */
readonly name: string
readonly state?: ContainerState
readonly lastState?: ContainerState
/**
 * Whether it passes its readiness check.
 */
readonly ready: boolean
/**
 * How often it was started again.
 */
readonly restartCount: number
/**
 * Image it runs, as the runtime names it.
 */
readonly image: string
/**
 * Digest of that image.
 */
readonly imageID: string
/**
 * Id of the container, such as containerd://….
 */
readonly containerID?: string
/**
 * Whether it has passed its startup check.
 */
readonly started?: boolean
/**
 * What its node has reserved for it.
 */
readonly allocatedResources?: {
readonly [k: string]: string
}
readonly resources?: ResourceRequirements
/**
 * State of its mounts.
 */
readonly volumeMounts?: readonly VolumeMountStatus[]
readonly user?: ContainerUser
/**
 * Health of devices it was given.
 */
readonly allocatedResourcesStatus?: readonly ResourceStatus[]
/**
 * Signal that will ask it to end.
 */
readonly stopSignal?: string
}
/**
 * What a container does. At most one of these; none counts as waiting.
 */
export interface ContainerState {
readonly waiting?: ContainerStateWaiting
readonly running?: ContainerStateRunning
readonly terminated?: ContainerStateTerminated
}
/**
 * Why a container does not run yet.
 */
export interface ContainerStateWaiting {
/**
 * One CamelCase word, such as ImagePullBackOff.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * Since when a container runs.
 */
export interface ContainerStateRunning {
/**
 * When it was started.
 */
readonly startedAt?: (string | null)
}
/**
 * How a container ended.
 */
export interface ContainerStateTerminated {
/**
 * Its exit code.
 */
readonly exitCode: number
/**
 * Signal that ended it.
 */
readonly signal?: number
/**
 * One CamelCase word, such as Completed, Error or OOMKilled.
 */
readonly reason?: string
/**
 * Its last words.
 */
readonly message?: string
/**
 * When it had been started.
 */
readonly startedAt?: (string | null)
/**
 * When it ended.
 */
readonly finishedAt?: (string | null)
/**
 * Id of the container.
 */
readonly containerID?: string
}
/**
 * State of a mount.
 */
export interface VolumeMountStatus {
/**
 * Name of the volume.
 */
readonly name: string
/**
 * Path in the container.
 */
readonly mountPath: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Whether mounts below are read-only, too.
 */
readonly recursiveReadOnly?: string
readonly volumeStatus?: VolumeStatus
}
/**
 * State of a mounted volume.
 */
export interface VolumeStatus {
readonly image?: ImageVolumeStatus
}
/**
 * State of an image volume.
 */
export interface ImageVolumeStatus {
/**
 * Digest of the mounted image.
 */
readonly imageRef: string
}
/**
 * Identity that a container's first process started with.
 */
export interface ContainerUser {
readonly linux?: LinuxContainerUser
}
/**
 * Ids of a process on Linux.
 */
export interface LinuxContainerUser {
/**
 * User id.
 */
readonly uid: number
/**
 * Group id.
 */
readonly gid: number
/**
 * Further group ids.
 */
readonly supplementalGroups?: readonly number[]
}
/**
 * Health of devices of one kind.
 */
export interface ResourceStatus {
/**
 * Name of the resource.
 */
readonly name: string
/**
 * Each device and its health.
 */
readonly resources?: readonly ResourceHealth[]
}
/**
 * Health of one device.
 */
export interface ResourceHealth {
/**
 * Id of the device.
 */
readonly resourceID: string
/**
 * Healthy, Unhealthy or Unknown.
 */
readonly health?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * An address of a pod.
 */
export interface PodIP {
/**
 * The address.
 */
readonly ip: string
}
/**
 * A claim that was made for a pod.
 */
export interface PodResourceClaimStatus {
/**
 * Entry of the pod's resourceClaims.
 */
readonly name: string
/**
 * Name of the claim.
 */
readonly resourceClaimName?: string
}
/**
 * An address of a node.
 */
export interface HostIP {
/**
 * The address.
 */
readonly ip: string
}
/**
 * The claim that was made for a pod's extended resources.
 */
export interface PodExtendedResourceClaimStatus {
/**
 * Which container's resource is which request of the claim.
 */
readonly requestMappings: (readonly ContainerExtendedResourceRequest[] | null)
/**
 * Name of the claim.
 */
readonly resourceClaimName: string
}
/**
 * An extended resource of a container, as a request of a claim.
 */
export interface ContainerExtendedResourceRequest {
/**
 * Name of the container.
 */
readonly containerName: string
/**
 * Name of the extended resource.
 */
readonly resourceName: string
/**
 * Name of the request in the claim.
 */
readonly requestName: string
}
/**
 * A share of the node's own resources taken by a claim.
 */
export interface NodeAllocatableResourceClaimStatus {
/**
 * Name of the claim.
 */
readonly resourceClaimName: string
/**
 * Containers that use the claim.
 */
readonly containers?: readonly string[]
/**
 * Amounts, by resource.
 */
readonly resources: {
readonly [k: string]: string
}
}
/**
 * A number of equal pods that is kept running. Deployments do the same and more.
 */
export interface ReplicationController {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ReplicationControllerSpec
readonly status?: ReplicationControllerStatus
}
/**
 * What a ReplicationController keeps running.
 */
export interface ReplicationControllerSpec {
/**
 * How many pods are wanted. Without it, 1.
 */
readonly replicas?: number
/**
 * Seconds a pod must stay ready, without a crash, before it counts as available.
 */
readonly minReadySeconds?: number
/**
 * Labels by which it finds its pods. Without it, those of the template.
 */
readonly selector?: {
readonly [k: string]: string
}
readonly template?: PodTemplateSpec
}
/**
 * What a ReplicationController has running.
 */
export interface ReplicationControllerStatus {
/**
 * Pods that match the selector and are not ending.
 */
readonly replicas: number
/**
 * Pods that have all labels of the template.
 */
readonly fullyLabeledReplicas?: number
/**
 * Pods that are ready.
 */
readonly readyReplicas?: number
/**
 * Pods that have been ready for minReadySeconds.
 */
readonly availableReplicas?: number
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * ReplicaFailure, when pods cannot be made or deleted.
 */
readonly conditions?: readonly ReplicationControllerCondition[]
}
/**
 * One fact about a ReplicationController.
 */
export interface ReplicationControllerCondition {
/**
 * Such as ReplicaFailure.
 */
readonly type: string
/**
 * True, False or Unknown.
 */
readonly status: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * Bounds for everything in a namespace together.
 */
export interface ResourceQuota {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ResourceQuotaSpec
readonly status?: ResourceQuotaStatus
}
/**
 * Bounds, and for which objects they hold.
 */
export interface ResourceQuotaSpec {
/**
 * The most that all objects together may use, by resource.
 */
readonly hard?: {
readonly [k: string]: string
}
/**
 * Which objects count; all of the scopes must fit.
 */
readonly scopes?: readonly string[]
readonly scopeSelector?: ScopeSelector
}
/**
 * A choice of objects by scopes.
 */
export interface ScopeSelector {
/**
 * Rules that must all fit.
 */
readonly matchExpressions?: readonly ScopedResourceSelectorRequirement[]
}
/**
 * One rule about a scope and its values.
 */
export interface ScopedResourceSelectorRequirement {
/**
 * Such as PriorityClass or BestEffort.
 */
readonly scopeName: string
/**
 * How the values are compared: In, NotIn, Exists or DoesNotExist.
 */
readonly operator: string
/**
 * Values for In and NotIn.
 */
readonly values?: readonly string[]
}
/**
 * What a quota allows and what is used of it.
 */
export interface ResourceQuotaStatus {
/**
 * The bounds in force, by resource.
 */
readonly hard?: {
readonly [k: string]: string
}
/**
 * What is used, by resource.
 */
readonly used?: {
readonly [k: string]: string
}
}
/**
 * Confidential values by key, to be read by containers.
 */
export interface Secret {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Values as base64, by key.
 */
readonly data?: {
readonly [k: string]: string
}
/**
 * What the content is for, such as kubernetes.io/tls; some types demand certain keys. Cannot change. Without it, Opaque.
 */
readonly type?: string
/**
 * Values as plain text, for writing only: they are encoded into data and win over it.
 */
readonly stringData?: {
readonly [k: string]: string
}
/**
 * When true, the values can never be changed again.
 */
readonly immutable?: boolean
}
/**
 * An identity for the programs of a namespace.
 */
export interface ServiceAccount {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Secrets that its pods may refer to; no longer needed for tokens.
 */
readonly secrets?: readonly ObjectReference[]
/**
 * Registry credentials that are added to its pods.
 */
readonly imagePullSecrets?: readonly LocalObjectReference[]
/**
 * Whether its pods get a token mounted; a pod's own setting wins.
 */
readonly automountServiceAccountToken?: boolean
}
/**
 * A stable address for a changing set of pods.
 */
export interface Service {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ServiceSpec
readonly status?: ServiceStatus
}
/**
 * Which pods answer for a Service, and under which addresses and ports.
 */
export interface ServiceSpec {
/**
 * Ports the Service listens on.
 */
readonly ports?: readonly ServicePort[]
/**
 * Labels of the pods that answer. Without it, the endpoints are somebody else's business.
 */
readonly selector?: {
readonly [k: string]: string
}
/**
 * Address inside the cluster. Chosen by the system when empty; None for a headless Service; cannot change.
 */
readonly clusterIP?: string
/**
 * ClusterIP, NodePort, LoadBalancer or ExternalName; each of the first three includes the one before it.
 */
readonly type?: string
/**
 * Further addresses at which nodes accept traffic for it; routing them there is not the system's task.
 */
readonly externalIPs?: readonly string[]
/**
 * ClientIP keeps a client with one pod; None spreads every connection.
 */
readonly sessionAffinity?: string
/**
 * Wanted address of the load balancer, where the provider honours it.
 */
readonly loadBalancerIP?: string
/**
 * Clients allowed through the load balancer, as address ranges.
 */
readonly loadBalancerSourceRanges?: readonly string[]
/**
 * Host name that DNS gives for this Service; only for type ExternalName.
 */
readonly externalName?: string
/**
 * For traffic from outside: Cluster uses all pods, Local only those on the node it arrives at and keeps the client's address.
 */
readonly externalTrafficPolicy?: string
/**
 * Port at which nodes tell a load balancer whether they have local pods; with externalTrafficPolicy Local.
 */
readonly healthCheckNodePort?: number
/**
 * Whether pods that are not ready are published, too.
 */
readonly publishNotReadyAddresses?: boolean
readonly sessionAffinityConfig?: SessionAffinityConfig
/**
 * SingleStack, PreferDualStack or RequireDualStack.
 */
readonly ipFamilyPolicy?: string
/**
 * All addresses inside the cluster, one per IP family; the first equals clusterIP.
 */
readonly clusterIPs?: readonly string[]
/**
 * IPv4, IPv6 or both, in the order of clusterIPs.
 */
readonly ipFamilies?: readonly string[]
/**
 * Whether a load balancer Service gets node ports. Without it, true.
 */
readonly allocateLoadBalancerNodePorts?: boolean
/**
 * Which load balancer implementation serves it.
 */
readonly loadBalancerClass?: string
/**
 * For traffic from inside: Cluster uses all pods, Local only those on the client's node.
 */
readonly internalTrafficPolicy?: string
/**
 * Preference for near endpoints, such as PreferSameZone or PreferSameNode.
 */
readonly trafficDistribution?: string
}
/**
 * One port of a Service.
 */
export interface ServicePort {
/**
 * Name of the port; needed when there are several.
 */
readonly name?: string
/**
 * TCP, UDP or SCTP. Without it, TCP.
 */
readonly protocol?: string
/**
 * Port the Service listens on.
 */
readonly port: number
/**
 * Port of the pods, by number or name. Without it, the same as port.
 */
readonly targetPort?: number | string
/**
 * Port opened on every node, for types NodePort and LoadBalancer. Chosen by the system when 0.
 */
readonly nodePort?: number
/**
 * Protocol spoken above the transport, as a hint.
 */
readonly appProtocol?: string
}
/**
 * Settings of session affinity.
 */
export interface SessionAffinityConfig {
readonly clientIP?: ClientIPConfig
}
/**
 * Settings of affinity by client address.
 */
export interface ClientIPConfig {
/**
 * Seconds of silence after which a client may be given another pod. Without it, 10800.
 */
readonly timeoutSeconds?: number
}
/**
 * What a Service was given from outside.
 */
export interface ServiceStatus {
readonly loadBalancer?: LoadBalancerStatus
/**
 * Facts about the Service.
 */
readonly conditions?: readonly Condition[]
}
/**
 * A load balancer.
 */
export interface LoadBalancerStatus {
/**
 * Where traffic is to be sent.
 */
readonly ingress?: readonly LoadBalancerIngress[]
}
/**
 * One entrance of a load balancer.
 */
export interface LoadBalancerIngress {
/**
 * Its address.
 */
readonly ip?: string
/**
 * Its host name.
 */
readonly hostname?: string
/**
 * VIP when traffic arrives with the load balancer's address as destination, Proxy when it arrives with a node's or pod's.
 */
readonly ipMode?: string
/**
 * State of each port.
 */
readonly ports?: readonly PortStatus[]
}
/**
 * State of one port of a load balancer.
 */
export interface PortStatus {
/**
 * Port number.
 */
readonly port: number
/**
 * TCP, UDP or SCTP.
 */
readonly protocol: string
/**
 * Why the port does not work.
 */
readonly error?: string
}
/**
 * Some of the network endpoints behind a Service.
 */
export interface EndpointSlice {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The endpoints, at most 1000.
 */
readonly endpoints?: (readonly Endpoint[] | null)
/**
 * Ports that all of the endpoints offer.
 */
readonly ports?: (readonly EndpointPort[] | null)
/**
 * IPv4, IPv6 or FQDN; cannot change.
 */
readonly addressType: string
}
/**
 * One network endpoint: usually a pod.
 */
export interface Endpoint {
/**
 * Its addresses; consumers use the first.
 */
readonly addresses: readonly string[]
readonly conditions?: EndpointConditions
/**
 * Host name of the endpoint in DNS.
 */
readonly hostname?: string
readonly targetRef?: ObjectReference
/**
 * Left over from the API's beta; read-only.
 */
readonly deprecatedTopology?: {
readonly [k: string]: string
}
/**
 * Node it is on.
 */
readonly nodeName?: string
/**
 * Zone it is in.
 */
readonly zone?: string
readonly hints?: EndpointHints
}
/**
 * Whether an endpoint may get traffic.
 */
export interface EndpointConditions {
/**
 * It answers and is not ending. Absent counts as true.
 */
readonly ready?: boolean
/**
 * It answers, whether ending or not. Absent counts as true.
 */
readonly serving?: boolean
/**
 * It is ending. Absent counts as false.
 */
readonly terminating?: boolean
}
/**
 * Which clients should prefer an endpoint.
 */
export interface EndpointHints {
/**
 * Zones whose clients should use it.
 */
readonly forZones?: readonly ForZone[]
/**
 * Nodes whose clients should use it.
 */
readonly forNodes?: readonly ForNode[]
}
/**
 * A zone in a hint.
 */
export interface ForZone {
/**
 * Name of the zone.
 */
readonly name: string
}
/**
 * A node in a hint.
 */
export interface ForNode {
/**
 * Name of the node.
 */
readonly name: string
}
/**
 * One port that endpoints offer.
 */
export interface EndpointPort {
/**
 * Name of the port, the same as in the Service.
 */
readonly name?: string
/**
 * TCP, UDP or SCTP. Without it, TCP.
 */
readonly protocol?: string
/**
 * Port number.
 */
readonly port?: number
/**
 * Protocol spoken above the transport, as a hint.
 */
readonly appProtocol?: string
}
/**
 * Something that happened to an object and that a person may want to know. The same events as those of core/v1, under newer names. Kept for a limited time.
 */
export interface EventsV1Event {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * When it was first seen, to the microsecond.
 */
readonly eventTime?: (string | null)
readonly series?: EventsV1EventSeries
/**
 * Controller that told it, such as kubernetes.io/kubelet.
 */
readonly reportingController?: string
/**
 * Which instance of that controller.
 */
readonly reportingInstance?: string
/**
 * What the controller did, or could not do.
 */
readonly action?: string
/**
 * Why, in one CamelCase word.
 */
readonly reason?: string
readonly regarding?: ObjectReference
readonly related?: ObjectReference
/**
 * What happened, in a sentence.
 */
readonly note?: string
/**
 * Normal or Warning.
 */
readonly type?: string
readonly deprecatedSource?: EventSource
/**
 * When it was first seen, in the words of core/v1.
 */
readonly deprecatedFirstTimestamp?: (string | null)
/**
 * When it was last seen, in the words of core/v1.
 */
readonly deprecatedLastTimestamp?: (string | null)
/**
 * How often it was seen, in the words of core/v1.
 */
readonly deprecatedCount?: number
}
/**
 * How often an event has come again.
 */
export interface EventsV1EventSeries {
/**
 * Times it was seen in this series.
 */
readonly count: number
/**
 * When it was last seen.
 */
readonly lastObservedTime: (string | null)
}
/**
 * Which requests to the API belong together, and with which priority they are served.
 */
export interface FlowSchema {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: FlowSchemaSpec
readonly status?: FlowSchemaStatus
}
/**
 * Requests and their priority level.
 */
export interface FlowSchemaSpec {
readonly priorityLevelConfiguration: PriorityLevelConfigurationReference
/**
 * The schema with the lowest number that matches a request decides; from 1 to 10000.
 */
readonly matchingPrecedence?: number
readonly distinguisherMethod?: FlowDistinguisherMethod
/**
 * Requests that match any of the rules belong to the schema; without a rule, none do.
 */
readonly rules?: readonly PolicyRulesWithSubjects[]
}
/**
 * A priority level by name.
 */
export interface PriorityLevelConfigurationReference {
/**
 * Name of the priority level.
 */
readonly name: string
}
/**
 * By what requests are told apart into flows.
 */
export interface FlowDistinguisherMethod {
/**
 * ByUser or ByNamespace.
 */
readonly type: string
}
/**
 * Requests by who makes them and what they ask for; both must match.
 */
export interface PolicyRulesWithSubjects {
/**
 * Who makes them: any of these.
 */
readonly subjects: readonly FlowcontrolV1Subject[]
/**
 * What they ask for, for requests about objects.
 */
readonly resourceRules?: readonly ResourcePolicyRule[]
/**
 * What they ask for, for requests of other paths.
 */
readonly nonResourceRules?: readonly NonResourcePolicyRule[]
}
/**
 * Who makes requests: a user, a group, or service accounts.
 */
export interface FlowcontrolV1Subject {
/**
 * User, Group or ServiceAccount; says which of the other fields counts.
 */
readonly kind: string
readonly user?: UserSubject
readonly group?: GroupSubject
readonly serviceAccount?: ServiceAccountSubject
}
/**
 * A user by name.
 */
export interface UserSubject {
/**
 * Name of the user; * for everybody.
 */
readonly name: string
}
/**
 * A group by name.
 */
export interface GroupSubject {
/**
 * Name of the group; * for all groups.
 */
readonly name: string
}
/**
 * A service account, or all of a namespace.
 */
export interface ServiceAccountSubject {
/**
 * Namespace of the account.
 */
readonly namespace: string
/**
 * Name of the account; * for all of the namespace.
 */
readonly name: string
}
/**
 * Requests about objects.
 */
export interface ResourcePolicyRule {
/**
 * Verbs; * for all.
 */
readonly verbs: readonly string[]
/**
 * API groups; * for all.
 */
readonly apiGroups: readonly string[]
/**
 * Resources, and subresources as pods/log; * for all.
 */
readonly resources: readonly string[]
/**
 * Whether requests match that name no namespace.
 */
readonly clusterScope?: boolean
/**
 * Namespaces of requests that name one; * for all.
 */
readonly namespaces?: (readonly string[] | null)
}
/**
 * Requests of paths that are not objects.
 */
export interface NonResourcePolicyRule {
/**
 * Verbs; * for all.
 */
readonly verbs: readonly string[]
/**
 * Paths; a star as the last element stands for everything below, and alone for all.
 */
readonly nonResourceURLs: readonly string[]
}
/**
 * What is known about a schema.
 */
export interface FlowSchemaStatus {
/**
 * Facts about the schema: Dangling while its priority level does not exist.
 */
readonly conditions?: readonly FlowSchemaCondition[]
}
/**
 * One fact about a schema.
 */
export interface FlowSchemaCondition {
/**
 * What it is about.
 */
readonly type?: string
/**
 * True, False or Unknown.
 */
readonly status?: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * A share of the server that requests of one priority have.
 */
export interface PriorityLevelConfiguration {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: PriorityLevelConfigurationSpec
readonly status?: PriorityLevelConfigurationStatus
}
/**
 * How many requests of a priority run at once, and what happens to more.
 */
export interface PriorityLevelConfigurationSpec {
/**
 * Exempt requests never wait; Limited ones do.
 */
readonly type: string
readonly limited?: LimitedPriorityLevelConfiguration
readonly exempt?: ExemptPriorityLevelConfiguration
}
/**
 * How many requests run at once, and what happens to more.
 */
export interface LimitedPriorityLevelConfiguration {
/**
 * Shares of the server; what they are worth depends on the shares of all levels.
 */
readonly nominalConcurrencyShares?: number
readonly limitResponse?: LimitResponse
/**
 * How much of its share others may borrow while it is not used.
 */
readonly lendablePercent?: number
/**
 * How much it may borrow from others, as a percentage of its own share. Without it, all that is lent.
 */
readonly borrowingLimitPercent?: number
}
/**
 * What happens to requests that cannot run at once.
 */
export interface LimitResponse {
/**
 * Queue makes them wait, Reject refuses them.
 */
readonly type: string
readonly queuing?: QueuingConfiguration
}
/**
 * The queues of a level.
 */
export interface QueuingConfiguration {
/**
 * How many there are.
 */
readonly queues?: number
/**
 * How many of them a flow is spread over; the shortest of these takes its next request.
 */
readonly handSize?: number
/**
 * How many requests wait in one queue at most.
 */
readonly queueLengthLimit?: number
}
/**
 * The share that is taken from the others when exempt requests need it.
 */
export interface ExemptPriorityLevelConfiguration {
/**
 * Shares of the server.
 */
readonly nominalConcurrencyShares?: number
/**
 * How much of the share others may borrow while it is not used.
 */
readonly lendablePercent?: number
}
/**
 * What is known about a priority level.
 */
export interface PriorityLevelConfigurationStatus {
/**
 * Facts about the level.
 */
readonly conditions?: readonly PriorityLevelConfigurationCondition[]
}
/**
 * One fact about a priority level.
 */
export interface PriorityLevelConfigurationCondition {
/**
 * What it is about.
 */
readonly type?: string
/**
 * True, False or Unknown.
 */
readonly status?: string
/**
 * When the status last changed its value.
 */
readonly lastTransitionTime?: (string | null)
/**
 * One CamelCase word on why, for programs.
 */
readonly reason?: string
/**
 * A sentence on why, for people.
 */
readonly message?: string
}
/**
 * A folder of the repository and what became of it. Made by the system, one per unit.
 */
export interface Application {
/**
 * Group and version of this kind.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ApplicationSpec
readonly status?: ApplicationStatus
}
/**
 * Where an application comes from, and how it is applied.
 */
export interface ApplicationSpec {
/**
 * Repository the folder is in.
 */
readonly repository?: string
/**
 * Folder of the repository; "." is its root.
 */
readonly path?: string
/**
 * Namespace of objects that name none.
 */
readonly namespace?: string
/**
 * Applications that must be healthy before this one is applied.
 */
readonly dependsOn?: readonly string[]
/**
 * Whether objects go when their manifests go.
 */
readonly prune?: boolean
/**
 * How long it may take to become healthy, such as 5m.
 */
readonly deadline?: string
/**
 * What Git leaves alone for a while. Anyone who may change the application may hold it.
 */
readonly holds?: readonly ApplicationHold[]
}
/**
 * Something that keeps the state it has in the cluster, until a moment.
 */
export interface ApplicationHold {
/**
 * One object, as Kind/name or Kind/namespace/name; the whole application when absent.
 */
readonly object?: string
/**
 * One field, such as spec.replicas; the whole object when absent.
 */
readonly field?: string
/**
 * When it ends.
 */
readonly until: string
/**
 * Who asked for it.
 */
readonly by?: string
/**
 * Why it is held.
 */
readonly reason?: string
}
/**
 * What is applied of an application, and how it fares.
 */
export interface ApplicationStatus {
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * Commit whose content this application has.
 */
readonly commit?: string
/**
 * Newest commit that changed this application and was applied.
 */
readonly appliedCommit?: string
/**
 * Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
 */
readonly health?: string
/**
 * Why, down to the container; empty when healthy.
 */
readonly message?: string
/**
 * When the health last changed.
 */
readonly since?: string
/**
 * Ready replicas of all wanted ones, such as 2/3.
 */
readonly ready?: string
/**
 * Images that the application's workloads run.
 */
readonly images?: readonly string[]
/**
 * Objects that were applied from the repository; only these are ever pruned.
 */
readonly inventory?: readonly InventoryEntry[]
/**
 * Objects kept in the cluster although they left the repository, each with the reason.
 */
readonly kept?: readonly string[]
/**
 * Jobs that ran to their end, with a digest of what they were; they are not run again when they are gone.
 */
readonly finished?: readonly FinishedJob[]
}
/**
 * One applied object.
 */
export interface InventoryEntry {
/**
 * API group; empty for the core group.
 */
readonly group?: string
/**
 * API version.
 */
readonly version: string
/**
 * Kind of the object.
 */
readonly kind: string
/**
 * Namespace of the object; empty for cluster-scoped kinds.
 */
readonly namespace?: string
/**
 * Name of the object.
 */
readonly name: string
/**
 * Whether it was written in an encrypted file, now or before; what it holds is not shown.
 */
readonly confidential?: boolean
/**
 * Whether it left the repository with a commit that may delete it, and is there still.
 */
readonly leaving?: boolean
}
/**
 * A Job that ran to its end.
 */
export interface FinishedJob {
/**
 * Group, kind, namespace and name of the Job.
 */
readonly object: string
/**
 * Digest of what the Job was.
 */
readonly content: string
}
/**
 * Where a pod can be reached, and by which labels it is chosen. Made from the pod whenever it is read; it lets nodes enforce network policies without seeing what other nodes' pods run.
 */
export interface PodAddress {
/**
 * Group and version of this kind.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Addresses of the pod in the cluster's network, one of each family; absent while it has none, and for pods that use their node's.
 */
readonly addresses?: readonly string[]
/**
 * Node the pod is on.
 */
readonly nodeName?: string
/**
 * Ports of its containers that have names.
 */
readonly ports?: readonly NamedPodPort[]
}
/**
 * A port of a pod that has a name.
 */
export interface NamedPodPort {
/**
 * Name of the port.
 */
readonly name: string
/**
 * Its number.
 */
readonly port: number
/**
 * TCP, UDP or SCTP.
 */
readonly protocol: string
}
/**
 * How a repository becomes a cluster; the content of mainstay.yaml, and in the cluster also what was made of it.
 */
export interface Repository {
/**
 * Group and version of this kind, mainstay.dev/v1alpha1.
 */
readonly apiVersion: string
/**
 * Name of this kind, Repository.
 */
readonly kind: string
readonly metadata?: ObjectMeta
/**
 * Cluster this file is for; others ignore it. Empty means every cluster.
 */
readonly cluster?: string
/**
 * Folders that are applications. Without it, each folder below apps/ and infra/, or else the root.
 */
readonly units?: readonly RepositoryUnit[]
/**
 * Further repositories of the same cluster. Each is followed by itself, and none may hold what another one holds.
 */
readonly sources?: readonly RepositorySource[]
readonly deletes?: RepositoryDeletes
/**
 * What becomes of a commit whose objects refer to something that is neither in the cluster nor in the commit; refuse when absent.
 */
readonly references?: string
readonly status?: RepositoryStatusBranch
/**
 * Who is told when something happens.
 */
readonly notifications?: readonly RepositoryNotification[]
/**
 * Who may change which folders. Held against the authors of new commits, by the rules of the commit before.
 */
readonly teams?: readonly RepositoryTeam[]
/**
 * Branches of a hosted repository, or patterns such as release/*, that are neither rewritten nor deleted; the followed branch and those of the status never are.
 */
readonly protectedBranches?: readonly string[]
readonly forge?: RepositoryForge
readonly previews?: RepositoryPreviews
readonly plans?: RepositoryPlans
readonly signatures?: RepositorySignatures
readonly observed?: RepositoryObserved
}
/**
 * Folders that share settings.
 */
export interface RepositoryUnit {
/**
 * Folder, or a pattern such as apps/*, one application per match.
 */
readonly path: string
/**
 * Namespace of objects that name none; {dir} stands for the folder's name.
 */
readonly namespace?: string
/**
 * Whether objects go when their manifests go; true when absent.
 */
readonly prune?: boolean
/**
 * Units, by path or pattern, that must be healthy first.
 */
readonly dependsOn?: readonly string[]
/**
 * How long an application may take to become healthy, such as 5m.
 */
readonly deadline?: string
/**
 * Whether these applications are left as they are, whatever the repository says.
 */
readonly suspend?: boolean
/**
 * When these applications may change.
 */
readonly windows?: readonly RepositoryWindow[]
/**
 * Fields that keep the value they have in the cluster, once an object is there.
 */
readonly ignore?: readonly RepositoryIgnore[]
/**
 * What becomes of a change made in the cluster to what the repository states; it is reverted when absent. refuse turns it down, report shows it, propose makes a branch of it.
 */
readonly drift?: string
/**
 * ServiceAccount of the namespace in whose name these applications are applied; its roles bound what they may hold.
 */
readonly serviceAccount?: string
readonly bounds?: RepositoryBounds
/**
 * Kinds whose objects may be deleted and made anew when a field cannot change in place.
 */
readonly replace?: readonly string[]
/**
 * Values that ${name} stands for in the files of these folders, of any single type. Names that are not listed are left alone, and so are block scalars.
 */
readonly variables?: Record<string, unknown>
readonly helm?: RepositoryHelm
}
/**
 * A time that comes again, in which changes are allowed or denied.
 */
export interface RepositoryWindow {
/**
 * allow or deny; allow when absent. A window that denies wins.
 */
readonly kind?: string
/**
 * When it begins, as five fields of cron.
 */
readonly schedule: string
/**
 * How long it lasts, such as 8h.
 */
readonly duration: string
/**
 * Time zone of the schedule; UTC when absent.
 */
readonly timeZone?: string
}
/**
 * Fields of some objects that Git leaves alone.
 */
export interface RepositoryIgnore {
/**
 * Kind of the objects; every kind when absent.
 */
readonly kind?: string
/**
 * Name of the object; every object when absent.
 */
readonly name?: string
/**
 * Fields, such as spec.replicas or /spec/replicas.
 */
readonly fields: readonly string[]
}
/**
 * What an application may hold; a commit that reaches outside is refused.
 */
export interface RepositoryBounds {
/**
 * Namespaces, or patterns such as shop-*; kinds of the whole cluster are refused then, unless kinds names them.
 */
readonly namespaces?: readonly string[]
/**
 * Kinds that are allowed; every kind when absent.
 */
readonly kinds?: readonly string[]
}
/**
 * How a Helm chart in the repository is rendered.
 */
export interface RepositoryHelm {
/**
 * Name of the release; that of the application when absent.
 */
readonly releaseName?: string
/**
 * Files of values, from the root of the repository; a later one wins.
 */
readonly values?: readonly string[]
}
/**
 * A further repository, what of it is followed, and what it may hold.
 */
export interface RepositorySource {
/**
 * Name of its Repository object, and what the names of its applications begin with.
 */
readonly name: string
/**
 * Where it is, by https, ssh or a path. Without it the cluster hosts it, at /<name>.git beside its own.
 */
readonly url?: string
readonly ref?: RepositorySourceRef
/**
 * Folder of it to use; all of it when absent.
 */
readonly path?: string
/**
 * Secret (namespace/name) with its credentials, CA, SSH key, webhook secret, forge token and age keys.
 */
readonly secret?: string
/**
 * How often it is looked at, such as 30s; 15s when absent. A hosted one is never polled.
 */
readonly interval?: string
/**
 * Namespace of objects that name none, where its own mainstay.yaml does not say.
 */
readonly namespace?: string
/**
 * ServiceAccount of that namespace in whose name all of it is applied, whatever its own mainstay.yaml says.
 */
readonly serviceAccount?: string
readonly bounds?: RepositoryBounds
/**
 * Whether its own status branch and notes are written; true for a hosted one, false for others when absent.
 */
readonly status?: boolean
}
/**
 * What of a repository is followed; one of these. A hosted one has a branch.
 */
export interface RepositorySourceRef {
/**
 * Name of a branch.
 */
readonly branch?: string
/**
 * Name of a tag.
 */
readonly tag?: string
/**
 * Range of versions, such as ^1.2; the newest tag in it.
 */
readonly semver?: string
/**
 * Full id of a commit.
 */
readonly commit?: string
}
/**
 * Limits on what one commit may delete.
 */
export interface RepositoryDeletes {
/**
 * Largest share of an application's objects, and of all applications' together, that may go at once, in percent; 20 when absent.
 */
readonly maxPercent?: number
/**
 * Kinds that go only with an Allow-Delete trailer.
 */
readonly protect?: readonly string[]
}
/**
 * The branch that tells what is running.
 */
export interface RepositoryStatusBranch {
/**
 * Name of the branch; status/<cluster> when absent.
 */
readonly branch?: string
/**
 * Shortest time between two commits, such as 10s.
 */
readonly minInterval?: string
/**
 * Commits kept before the history is cut and archived; 2000 when absent.
 */
readonly keepCommits?: number
}
/**
 * A receiver of what happens.
 */
export interface RepositoryNotification {
/**
 * Name of the receiver, for messages.
 */
readonly name: string
/**
 * slack for everything that takes Slack's incoming webhooks, generic for JSON of our own; generic when absent.
 */
readonly type?: string
/**
 * Secret (namespace/name) with the address as url; with a key hmac, what is posted to generic receivers is signed.
 */
readonly secret: string
/**
 * What to tell, of deployed, rejected, degraded and recovered; everything when absent.
 */
readonly events?: readonly string[]
/**
 * Text, with ${cluster}, ${event}, ${application}, ${commit}, ${subject}, ${author} and ${reason}.
 */
readonly template?: string
/**
 * How many may be sent in an hour; 60 when absent.
 */
readonly maxPerHour?: number
}
/**
 * Folders that only some people may change.
 */
export interface RepositoryTeam {
/**
 * Name of the team, for messages.
 */
readonly name: string
/**
 * Folders and files, or patterns such as apps/shop-*.
 */
readonly paths: readonly string[]
/**
 * Addresses of authors, or patterns such as *@shop.example.org; user:NAME is who pushes to a hosted repository.
 */
readonly members: readonly string[]
}
/**
 * The forge of a followed repository.
 */
export interface RepositoryForge {
/**
 * Which program it is; known by its name for github.com, gitlab.com and codeberg.org.
 */
readonly type?: string
/**
 * Base of its API, such as https://git.example.org/api/v1.
 */
readonly api?: string
/**
 * Owner and name of the repository there, such as ada/cluster.
 */
readonly project?: string
}
/**
 * Which requests and branches get a preview, and what it may be.
 */
export interface RepositoryPreviews {
/**
 * Label of requests that get one; preview when absent.
 */
readonly label?: string
/**
 * Branches that get one, or patterns such as preview/*.
 */
readonly branches?: readonly string[]
/**
 * Whether requests of forks run as well, once they have the label; false when absent. What is pushed to the fork from then on runs, and on Gitea and Forgejo whoever opens a request may label it.
 */
readonly forks?: boolean
/**
 * Folders of applications that are in it, or patterns; all but those below infra/ when absent.
 */
readonly applications?: readonly string[]
/**
 * Values of variables in previews, instead of those of their units; {name} and {namespace} in them stand for the preview's.
 */
readonly variables?: Record<string, unknown>
/**
 * ClusterRole whose rights a preview has in its namespace, and no others; admin when absent.
 */
readonly role?: string
/**
 * How many may run at once; 10 when absent.
 */
readonly max?: number
/**
 * How long one runs without a new commit, such as 48h; 72h when absent.
 */
readonly expireAfter?: string
/**
 * What one may use, as in a ResourceQuota; 50 pods and 10 claims of volumes when absent.
 */
readonly quota?: {
readonly [k: string]: string
}
/**
 * Limits of containers that state none, as in a LimitRange, such as memory.
 */
readonly limits?: {
readonly [k: string]: string
}
/**
 * What its pods may do, in the words of the pod security standards; baseline when absent.
 */
readonly podSecurity?: string
/**
 * Whether encrypted files are opened for previews. Whoever may change a request can read them then.
 */
readonly encrypted?: boolean
}
/**
 * What the plans of branches and requests may read.
 */
export interface RepositoryPlans {
/**
 * For whose plans encrypted files are opened. With branches, which holds when absent, for those of the repository's own branches, so that whoever may push one can read them; with always, for the requests of strangers as well; with never, for no plan but that of a push to what runs.
 */
readonly encrypted?: string
}
/**
 * Which commits are accepted.
 */
export interface RepositorySignatures {
/**
 * Whether unsigned commits are refused.
 */
readonly require?: boolean
/**
 * File of the repository with the allowed signers.
 */
readonly keys?: string
}
/**
 * What was made of the repository.
 */
export interface RepositoryObserved {
/**
 * Where the repository is.
 */
readonly url?: string
/**
 * Branch that is followed.
 */
readonly branch?: string
/**
 * Newest commit that was admitted.
 */
readonly commit?: string
/**
 * The commit that was admitted before it; what the messages of the commits in between allow counts.
 */
readonly previous?: string
/**
 * Who pushed it to the hosted repository, when he had to say who he is.
 */
readonly pusher?: string
/**
 * applied, rejected, unreachable, unreadable, deleted, or empty where there never was such a branch.
 */
readonly result?: string
/**
 * Why, when it is not applied.
 */
readonly message?: string
/**
 * Why commits and requests show nothing at the forge, when it cannot be told.
 */
readonly forge?: string
/**
 * When that was.
 */
readonly time?: string
}
/**
 * The versions of the core group, which has none of its own name.
 */
export interface APIVersions {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * The versions that are served.
 */
readonly versions: readonly string[]
/**
 * Where clients reach the server, by where they are.
 */
readonly serverAddressByClientCIDRs: readonly ServerAddressByClientCIDR[]
}
/**
 * The address at which clients of a network reach the server.
 */
export interface ServerAddressByClientCIDR {
/**
 * The network of the clients. Of several that hold a client, the narrowest counts.
 */
readonly clientCIDR: string
/**
 * Name or address of the server, with or without a port.
 */
readonly serverAddress: string
}
/**
 * All groups that are served, but for the core one.
 */
export interface APIGroupList {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * The groups, the preferred ones first.
 */
readonly groups: readonly APIGroup[]
}
/**
 * A group of kinds, and the versions in which it is served.
 */
export interface APIGroup {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * Name of the group.
 */
readonly name: string
/**
 * The versions that are served, the preferred ones first.
 */
readonly versions: readonly GroupVersionForDiscovery[]
readonly preferredVersion?: GroupVersionForDiscovery
/**
 * Where clients reach the server, by where they are.
 */
readonly serverAddressByClientCIDRs?: readonly ServerAddressByClientCIDR[]
}
/**
 * A version of a group, whole and by itself.
 */
export interface GroupVersionForDiscovery {
/**
 * Group and version, with a slash between them.
 */
readonly groupVersion: string
/**
 * The version alone.
 */
readonly version: string
}
/**
 * The resources of a group in one version.
 */
export interface APIResourceList {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * Group and version of the resources.
 */
readonly groupVersion: string
/**
 * The resources, each followed by its subresources.
 */
readonly resources: readonly APIResource[]
}
/**
 * Name, kind and scope of a resource, and what may be done with it.
 */
export interface APIResource {
/**
 * Name of the resource in addresses, in the plural.
 */
readonly name: string
/**
 * Whether its objects are in namespaces.
 */
readonly namespaced: boolean
/**
 * Kind of its objects.
 */
readonly kind: string
/**
 * What may be done with them.
 */
readonly verbs: readonly string[]
/**
 * Short forms of the name, for people.
 */
readonly shortNames?: readonly string[]
/**
 * The name in the singular.
 */
readonly singularName: string
/**
 * Names for several resources at once, such as all.
 */
readonly categories?: readonly string[]
/**
 * Group of the kind, where it is not that of the list.
 */
readonly group?: string
/**
 * Version of the kind, where it is not that of the list.
 */
readonly version?: string
/**
 * Changes with the version in which objects are stored. Only whether two are equal means something.
 */
readonly storageVersionHash?: string
}
/**
 * The outcome of a request that has no object to answer with.
 */
export interface Status {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
readonly metadata?: ListMeta
/**
 * Success or Failure.
 */
readonly status?: string
/**
 * What happened, for people.
 */
readonly message?: string
/**
 * What happened, in one CamelCase word for programs.
 */
readonly reason?: string
readonly details?: StatusDetails
/**
 * HTTP status code.
 */
readonly code?: number
}
/**
 * More about a failure.
 */
export interface StatusDetails {
/**
 * Name of the object concerned.
 */
readonly name?: string
/**
 * API group of the object concerned.
 */
readonly group?: string
/**
 * Kind or resource concerned.
 */
readonly kind?: string
/**
 * The single problems, for failures that have several.
 */
readonly causes?: readonly StatusCause[]
/**
 * Seconds to wait before another try.
 */
readonly retryAfterSeconds?: number
/**
 * Uid of the object concerned.
 */
readonly uid?: string
}
/**
 * One problem of a request.
 */
export interface StatusCause {
/**
 * The kind of problem, in one CamelCase word.
 */
readonly reason?: string
/**
 * The problem, for people.
 */
readonly message?: string
/**
 * The field at fault, such as spec.containers[0].name.
 */
readonly field?: string
}
/**
 * How to delete.
 */
export interface DeleteOptions {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * Seconds the object is given to end; 0 is at once. Without it, the kind's or the object's own.
 */
readonly gracePeriodSeconds?: number
readonly preconditions?: Preconditions
/**
 * No longer used; see propagationPolicy.
 */
readonly orphanDependents?: boolean
/**
 * What becomes of objects it owns: Background deletes them afterwards, Foreground before, Orphan leaves them.
 */
readonly propagationPolicy?: string
/**
 * All: check and answer, but change nothing.
 */
readonly dryRun?: readonly string[]
/**
 * Deletes even an object that cannot be read from the store. Dangerous.
 */
readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
}
/**
 * What must be true of an object for a deletion to take place.
 */
export interface Preconditions {
/**
 * The object has this uid.
 */
readonly uid?: string
/**
 * The object has this resource version.
 */
readonly resourceVersion?: string
}
/**
 * How to create.
 */
export interface CreateOptions {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * All: check and answer, but change nothing.
 */
readonly dryRun?: readonly string[]
/**
 * Name under which the written fields are recorded.
 */
readonly fieldManager?: string
/**
 * What happens to unknown and duplicate fields: Ignore, Warn or Strict.
 */
readonly fieldValidation?: string
}
/**
 * How to update.
 */
export interface UpdateOptions {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * All: check and answer, but change nothing.
 */
readonly dryRun?: readonly string[]
/**
 * Name under which the written fields are recorded.
 */
readonly fieldManager?: string
/**
 * What happens to unknown and duplicate fields: Ignore, Warn or Strict.
 */
readonly fieldValidation?: string
}
/**
 * How to patch.
 */
export interface PatchOptions {
/**
 * API version of the object.
 */
readonly apiVersion?: string
/**
 * Kind of the object.
 */
readonly kind?: string
/**
 * All: check and answer, but change nothing.
 */
readonly dryRun?: readonly string[]
/**
 * Take fields over from other managers; only for apply patches.
 */
readonly force?: boolean
/**
 * Name under which the written fields are recorded; apply patches need it.
 */
readonly fieldManager?: string
/**
 * What happens to unknown and duplicate fields: Ignore, Warn or Strict.
 */
readonly fieldValidation?: string
}
/**
 * One change in a watch.
 */
export interface WatchEvent {
/**
 * ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.
 */
readonly type: string
/**
 * The object after the change; for ERROR a Status.
 */
readonly object: Record<string, unknown>
}
/**
 * How much of its processors and memory a node uses.
 */
export interface NodeMetrics {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * End of the time over which usage was measured.
 */
readonly timestamp: string
/**
 * Length of that time, such as 15s.
 */
readonly window: string
/**
 * What was used, by resource; memory is the working set.
 */
readonly usage: {
readonly [k: string]: string
}
}
/**
 * How much processor time and memory the containers of a pod use.
 */
export interface PodMetrics {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * End of the time over which usage was measured.
 */
readonly timestamp: string
/**
 * Length of that time, such as 15s.
 */
readonly window: string
/**
 * Usage of each container.
 */
readonly containers: readonly ContainerMetrics[]
}
/**
 * How much one container uses.
 */
export interface ContainerMetrics {
/**
 * Name of the container.
 */
readonly name: string
/**
 * What was used, by resource; memory is the working set.
 */
readonly usage: {
readonly [k: string]: string
}
}
/**
 * A kind of Ingress: who serves it, and how that server is set up. The annotation ingressclass.kubernetes.io/is-default-class makes it that of every Ingress that names none.
 */
export interface IngressClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: IngressClassSpec
}
/**
 * Who serves a class of Ingresses.
 */
export interface IngressClassSpec {
/**
 * The controller that serves it, as a domain and a path, such as example.com/ingress. Cannot change.
 */
readonly controller?: string
readonly parameters?: IngressClassParametersReference
}
/**
 * The object that holds the settings of a class.
 */
export interface IngressClassParametersReference {
/**
 * API group of the object; empty for the core group.
 */
readonly apiGroup?: string
/**
 * Kind of the object.
 */
readonly kind: string
/**
 * Name of the object.
 */
readonly name: string
/**
 * Cluster or Namespace, as the object has none or one.
 */
readonly scope?: string
/**
 * Namespace of the object, where scope is Namespace.
 */
readonly namespace?: string
}
/**
 * How requests from outside, by host name and path, reach Services.
 */
export interface Ingress {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: IngressSpec
readonly status?: IngressStatus
}
/**
 * Rules of an Ingress, its certificates, and where the rest goes.
 */
export interface IngressSpec {
/**
 * Name of the IngressClass whose controller serves this Ingress.
 */
readonly ingressClassName?: string
readonly defaultBackend?: IngressBackend
/**
 * Certificates for hosts, all of them served on port 443 and told apart by the name that the client asks for.
 */
readonly tls?: readonly IngressTLS[]
/**
 * Rules by host. Without any, everything goes to the default backend.
 */
readonly rules?: readonly IngressRule[]
}
/**
 * Where requests go: a port of a Service, or some other object that the controller understands.
 */
export interface IngressBackend {
readonly service?: IngressServiceBackend
readonly resource?: TypedLocalObjectReference
}
/**
 * A port of a Service.
 */
export interface IngressServiceBackend {
/**
 * Name of the Service.
 */
readonly name: string
readonly port?: ServiceBackendPort
}
/**
 * A port of a Service, by name or by number.
 */
export interface ServiceBackendPort {
/**
 * Name of the port; not together with number.
 */
readonly name?: string
/**
 * Number of the port; not together with name.
 */
readonly number?: number
}
/**
 * A certificate and the hosts it is for.
 */
export interface IngressTLS {
/**
 * Hosts that the certificate is for.
 */
readonly hosts?: readonly string[]
/**
 * Secret of the same namespace that holds certificate and key.
 */
readonly secretName?: string
}
/**
 * Where the requests for one host go, by path.
 */
export interface IngressRule {
/**
 * Full host name, without port; a first label of * stands for any one label. Empty means every host.
 */
readonly host?: string
readonly http?: HTTPIngressRuleValue
}
/**
 * Paths of a host and where they lead.
 */
export interface HTTPIngressRuleValue {
/**
 * The paths; the longest that matches wins.
 */
readonly paths: readonly HTTPIngressPath[]
}
/**
 * One path and where it leads.
 */
export interface HTTPIngressPath {
/**
 * Path of the request. Begins with a slash where pathType is Exact or Prefix.
 */
readonly path?: string
/**
 * Exact compares the whole path, Prefix its elements, and ImplementationSpecific is up to the controller.
 */
readonly pathType: string
readonly backend: IngressBackend
}
/**
 * Where an Ingress is reachable.
 */
export interface IngressStatus {
readonly loadBalancer?: IngressLoadBalancerStatus
}
/**
 * The ways in through a load balancer.
 */
export interface IngressLoadBalancerStatus {
/**
 * The ways in.
 */
readonly ingress?: readonly IngressLoadBalancerIngress[]
}
/**
 * One way in through a load balancer.
 */
export interface IngressLoadBalancerIngress {
/**
 * Its address, for balancers that are known by address.
 */
readonly ip?: string
/**
 * Its host name, for balancers that are known by name.
 */
readonly hostname?: string
/**
 * Which ports it opened.
 */
readonly ports?: readonly IngressPortStatus[]
}
/**
 * One port of a load balancer, and what went wrong with it.
 */
export interface IngressPortStatus {
/**
 * The number of the port.
 */
readonly port: number
/**
 * Its protocol.
 */
readonly protocol: string
/**
 * What is wrong with it, as a word in CamelCase or a domain and a word.
 */
readonly error?: string
}
/**
 * One address that is in use, named by itself in its canonical form; the object it belongs to is its parent.
 */
export interface IPAddress {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: IPAddressSpec
}
/**
 * Whose address it is.
 */
export interface IPAddressSpec {
readonly parentRef: ParentReference
}
/**
 * The object that an address belongs to.
 */
export interface ParentReference {
/**
 * API group of the object; empty for the core group.
 */
readonly group?: string
/**
 * Resource of the object, such as services.
 */
readonly resource: string
/**
 * Namespace of the object.
 */
readonly namespace?: string
/**
 * Name of the object.
 */
readonly name: string
}
/**
 * Which traffic may reach a set of pods, and which may leave them.
 */
export interface NetworkPolicy {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: NetworkPolicySpec
}
/**
 * Pods, and the traffic that they are allowed. Where no policy chooses a pod in one direction, everything is allowed in it.
 */
export interface NetworkPolicySpec {
readonly podSelector?: LabelSelector
/**
 * What may reach the pods: traffic that any of the rules allows. Without a rule, nothing.
 */
readonly ingress?: readonly NetworkPolicyIngressRule[]
/**
 * What may leave the pods: traffic that any of the rules allows. Without a rule, nothing, if the policy is about egress.
 */
readonly egress?: readonly NetworkPolicyEgressRule[]
/**
 * The directions it is about: Ingress, Egress. Without it, Ingress, and Egress if there are egress rules.
 */
readonly policyTypes?: readonly string[]
}
/**
 * Traffic that may reach pods: from these peers, on these ports.
 */
export interface NetworkPolicyIngressRule {
/**
 * Ports of the pods; all of them when empty.
 */
readonly ports?: readonly NetworkPolicyPort[]
/**
 * Where it may come from; anywhere when empty.
 */
readonly from?: readonly NetworkPolicyPeer[]
}
/**
 * A port, or a range of them.
 */
export interface NetworkPolicyPort {
/**
 * TCP, UDP or SCTP.
 */
readonly protocol?: string
/**
 * Number of the port, or its name in the pod; all ports when absent.
 */
readonly port?: number | string
/**
 * Last port of a range that begins at port, which must be a number then.
 */
readonly endPort?: number
}
/**
 * The other end of allowed traffic: pods by label, or a block of addresses.
 */
export interface NetworkPolicyPeer {
readonly podSelector?: LabelSelector
readonly namespaceSelector?: LabelSelector
readonly ipBlock?: IPBlock
}
/**
 * A block of addresses with holes.
 */
export interface IPBlock {
/**
 * The block, such as 192.168.1.0/24.
 */
readonly cidr: string
/**
 * Blocks inside of it that do not count.
 */
readonly except?: readonly string[]
}
/**
 * Traffic that may leave pods: to these peers, on these ports.
 */
export interface NetworkPolicyEgressRule {
/**
 * Ports at the other end; all of them when empty.
 */
readonly ports?: readonly NetworkPolicyPort[]
/**
 * Where it may go; anywhere when empty.
 */
readonly to?: readonly NetworkPolicyPeer[]
}
/**
 * A range that Services get their addresses from.
 */
export interface ServiceCIDR {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ServiceCIDRSpec
readonly status?: ServiceCIDRStatus
}
/**
 * A range of addresses, in one or both IP families.
 */
export interface ServiceCIDRSpec {
/**
 * One block, or one of each IP family. Blocks cannot change; a second family may be added.
 */
readonly cidrs?: readonly string[]
}
/**
 * Whether addresses are given from a range.
 */
export interface ServiceCIDRStatus {
/**
 * Facts about the range: Ready while addresses are given from it.
 */
readonly conditions?: readonly Condition[]
}
/**
 * A way to run pods that nodes offer, such as one with stronger isolation. Pods choose it by name.
 */
export interface RuntimeClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Name of the way in the configuration of the container runtime. Cannot change.
 */
readonly handler: string
readonly overhead?: Overhead
readonly scheduling?: Scheduling
}
/**
 * What a pod uses beside its containers.
 */
export interface Overhead {
/**
 * The amounts, by resource, for each pod.
 */
readonly podFixed?: {
readonly [k: string]: string
}
}
/**
 * Which nodes offer a way to run pods.
 */
export interface Scheduling {
/**
 * Labels of these nodes; they are added to what the pod asks for.
 */
readonly nodeSelector?: {
readonly [k: string]: string
}
/**
 * Tolerations that are added to those of the pod.
 */
readonly tolerations?: readonly Toleration[]
}
/**
 * Asks for a pod to be removed in an orderly way, within the limits of its disruption budget.
 */
export interface Eviction {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly deleteOptions?: DeleteOptions
}
/**
 * How many of a group of pods may be missing because somebody evicts them.
 */
export interface PodDisruptionBudget {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: PodDisruptionBudgetSpec
readonly status?: PodDisruptionBudgetStatus
}
/**
 * Which pods are protected, and how far.
 */
export interface PodDisruptionBudgetSpec {
/**
 * Pods that must stay available after an eviction: a count, or a percentage of all.
 */
readonly minAvailable?: number | string
readonly selector?: LabelSelector
/**
 * Pods that may be missing after an eviction: a count, or a percentage of all. Not together with minAvailable.
 */
readonly maxUnavailable?: number | string
/**
 * IfHealthyBudget lets a running pod that is not ready go only while enough others are available; AlwaysAllow lets it go in any case.
 */
readonly unhealthyPodEvictionPolicy?: string
}
/**
 * How much of the budget is left.
 */
export interface PodDisruptionBudgetStatus {
/**
 * Generation of the spec that this status is about.
 */
readonly observedGeneration?: number
/**
 * Pods whose eviction was granted and that have not been seen to go yet, each with the time of that.
 */
readonly disruptedPods?: {
readonly [k: string]: string
}
/**
 * Evictions that are allowed now.
 */
readonly disruptionsAllowed: number
/**
 * Pods that are available now.
 */
readonly currentHealthy: number
/**
 * Pods that must stay available.
 */
readonly desiredHealthy: number
/**
 * Pods the budget counts.
 */
readonly expectedPods: number
/**
 * DisruptionAllowed, with the reason.
 */
readonly conditions?: readonly Condition[]
}
/**
 * Grants a cluster role to users, groups and service accounts in all namespaces and for what has none.
 */
export interface ClusterRoleBinding {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Who is granted the role.
 */
readonly subjects?: readonly Subject[]
readonly roleRef: RoleRef
}
/**
 * A user, group or service account that is granted a role.
 */
export interface Subject {
/**
 * User, Group or ServiceAccount.
 */
readonly kind: string
/**
 * Group of the kind. Empty for service accounts, rbac.authorization.k8s.io for users and groups.
 */
readonly apiGroup?: string
/**
 * Its name.
 */
readonly name: string
/**
 * Namespace of a service account; users and groups have none.
 */
readonly namespace?: string
}
/**
 * The role that a binding grants.
 */
export interface RoleRef {
/**
 * Always rbac.authorization.k8s.io.
 */
readonly apiGroup?: string
/**
 * Role or ClusterRole.
 */
readonly kind: string
/**
 * Its name.
 */
readonly name: string
}
/**
 * Rights over the whole cluster, to be granted by a ClusterRoleBinding, or for one namespace by a RoleBinding.
 */
export interface ClusterRole {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * What the role allows.
 */
readonly rules?: (readonly PolicyRule[] | null)
readonly aggregationRule?: AggregationRule
}
/**
 * What may be done to which resources, or with which paths that are no resources. Rules only ever allow.
 */
export interface PolicyRule {
/**
 * Verbs that the rule allows, such as get, list, watch, create, update, patch or delete; * for all.
 */
readonly verbs: readonly string[]
/**
 * API groups of the resources; an empty string is the core group, * stands for all.
 */
readonly apiGroups?: readonly string[]
/**
 * Resources, such as pods or pods/log; * for all, * /scale for one subresource of all.
 */
readonly resources?: readonly string[]
/**
 * Names of single objects that the rule is limited to; without any it holds for all.
 */
readonly resourceNames?: readonly string[]
/**
 * Paths that are no resources, such as /healthz or /metrics/*; only cluster roles may name them, in rules of their own.
 */
readonly nonResourceURLs?: readonly string[]
}
/**
 * Finds the cluster roles whose rules are put together in another.
 */
export interface AggregationRule {
/**
 * Labels of the roles to take; a role counts when one of the selectors matches.
 */
readonly clusterRoleSelectors?: readonly LabelSelector[]
}
/**
 * Grants a role to users, groups and service accounts within one namespace.
 */
export interface RoleBinding {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Who is granted the role.
 */
readonly subjects?: readonly Subject[]
readonly roleRef: RoleRef
}
/**
 * Rights within one namespace, to be granted by a RoleBinding there.
 */
export interface Role {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * What the role allows.
 */
readonly rules?: (readonly PolicyRule[] | null)
}
/**
 * A sort of device that claims can ask for.
 */
export interface DeviceClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: DeviceClassSpec
}
/**
 * Which devices belong to a class, and their settings.
 */
export interface DeviceClassSpec {
/**
 * Rules that a device must all fit.
 */
readonly selectors?: readonly DeviceSelector[]
/**
 * Settings for the drivers of the devices.
 */
readonly config?: readonly DeviceClassConfiguration[]
/**
 * Name under which containers can ask for it like for any other resource.
 */
readonly extendedResourceName?: string
}
/**
 * One rule that devices must fit.
 */
export interface DeviceSelector {
readonly cel?: CELDeviceSelector
}
/**
 * A rule as an expression.
 */
export interface CELDeviceSelector {
/**
 * A CEL expression over device that says true or false.
 */
readonly expression: string
}
/**
 * Settings for devices of a class.
 */
export interface DeviceClassConfiguration {
readonly opaque?: OpaqueDeviceConfiguration
}
/**
 * Settings that only the driver understands.
 */
export interface OpaqueDeviceConfiguration {
/**
 * Driver they are for.
 */
readonly driver: string
/**
 * The settings, as an object that the driver knows.
 */
readonly parameters: Record<string, unknown>
}
/**
 * A pattern by which each pod gets a claim of its own.
 */
export interface ResourceClaimTemplate {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ResourceClaimTemplateSpec
}
/**
 * A claim to make.
 */
export interface ResourceClaimTemplateSpec {
readonly metadata?: ObjectMeta
readonly spec: ResourceClaimSpec
}
/**
 * Devices that are asked for.
 */
export interface ResourceClaimSpec {
readonly devices?: DeviceClaim
}
/**
 * A wish for devices.
 */
export interface DeviceClaim {
/**
 * One entry for each sort of device.
 */
readonly requests?: (readonly DeviceRequest[] | null)
/**
 * What must hold for the devices together.
 */
readonly constraints?: readonly DeviceConstraint[]
/**
 * Settings for the drivers of the devices.
 */
readonly config?: readonly DeviceClaimConfiguration[]
}
/**
 * A wish for devices of one sort.
 */
export interface DeviceRequest {
/**
 * How the other fields refer to this wish.
 */
readonly name: string
readonly exactly?: ExactDeviceRequest
/**
 * Sorts that will do, the best first.
 */
readonly firstAvailable?: readonly DeviceSubRequest[]
}
/**
 * A sort of device and how many of it.
 */
export interface ExactDeviceRequest {
/**
 * Class of the device.
 */
readonly deviceClassName: string
/**
 * Rules that a device must all fit.
 */
readonly selectors?: readonly DeviceSelector[]
/**
 * ExactCount for a number of them, All for every one that fits.
 */
readonly allocationMode?: string
/**
 * How many, with ExactCount; one without it.
 */
readonly count?: number
/**
 * Ask for access of an administrator, also to devices in use.
 */
readonly adminAccess?: boolean
/**
 * Taints of devices that do not matter.
 */
readonly tolerations?: readonly DeviceToleration[]
readonly capacity?: CapacityRequirements
}
/**
 * Taints of devices that do not matter.
 */
export interface DeviceToleration {
/**
 * Key of the taint; empty for all keys.
 */
readonly key?: string
/**
 * How the value is compared.
 */
readonly operator?: string
/**
 * Value of the taint, with Equal.
 */
readonly value?: string
/**
 * Effect of the taint; empty for all effects.
 */
readonly effect?: string
/**
 * How long the taint does not matter, with NoExecute.
 */
readonly tolerationSeconds?: number
}
/**
 * What is needed of a device that several can share.
 */
export interface CapacityRequirements {
/**
 * Amounts, by name of the capacity.
 */
readonly requests?: {
readonly [k: string]: string
}
}
/**
 * One of several sorts of device that will do.
 */
export interface DeviceSubRequest {
/**
 * How the other fields refer to this sort.
 */
readonly name: string
/**
 * Class of the device.
 */
readonly deviceClassName: string
/**
 * Rules that a device must all fit.
 */
readonly selectors?: readonly DeviceSelector[]
/**
 * ExactCount for a number of them, All for every one that fits.
 */
readonly allocationMode?: string
/**
 * How many, with ExactCount; one without it.
 */
readonly count?: number
/**
 * Taints of devices that do not matter.
 */
readonly tolerations?: readonly DeviceToleration[]
readonly capacity?: CapacityRequirements
}
/**
 * What must hold for several devices together.
 */
export interface DeviceConstraint {
/**
 * Wishes whose devices are meant; all without it.
 */
readonly requests?: readonly string[]
/**
 * Attribute that must be the same on all of them.
 */
readonly matchAttribute?: string
/**
 * Attribute that must differ on all of them.
 */
readonly distinctAttribute?: string
}
/**
 * Settings for devices of a claim.
 */
export interface DeviceClaimConfiguration {
/**
 * Wishes whose devices are meant; all without it.
 */
readonly requests?: readonly string[]
readonly opaque?: OpaqueDeviceConfiguration
}
/**
 * A wish for devices, and the devices that were found.
 */
export interface ResourceClaim {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ResourceClaimSpec
readonly status?: ResourceClaimStatus
}
/**
 * What was found for a claim, and who may use it.
 */
export interface ResourceClaimStatus {
readonly allocation?: AllocationResult
/**
 * Pods that may use it now.
 */
readonly reservedFor?: readonly ResourceClaimConsumerReference[]
/**
 * What drivers say about the devices.
 */
readonly devices?: readonly AllocatedDeviceStatus[]
}
/**
 * The devices of a claim and where they are.
 */
export interface AllocationResult {
readonly devices?: DeviceAllocationResult
readonly nodeSelector?: NodeSelector
/**
 * When they were found.
 */
readonly allocationTimestamp?: string
}
/**
 * The devices of a claim.
 */
export interface DeviceAllocationResult {
/**
 * One entry for each device.
 */
readonly results?: readonly DeviceRequestAllocationResult[]
/**
 * Settings for the drivers, from class and claim.
 */
readonly config?: readonly DeviceAllocationConfiguration[]
}
/**
 * One device of a claim.
 */
export interface DeviceRequestAllocationResult {
/**
 * Wish that it fulfils.
 */
readonly request: string
/**
 * Driver of the device.
 */
readonly driver: string
/**
 * Pool of the device.
 */
readonly pool: string
/**
 * Name of the device in its pool.
 */
readonly device: string
/**
 * Whether it was given for administration.
 */
readonly adminAccess?: boolean
/**
 * Taints of the device that do not matter.
 */
readonly tolerations?: readonly DeviceToleration[]
/**
 * Conditions to wait for before the pod is bound.
 */
readonly bindingConditions?: readonly string[]
/**
 * Conditions that mean that the device cannot be had.
 */
readonly bindingFailureConditions?: readonly string[]
/**
 * Identity of the share, of a device that several can share.
 */
readonly shareID?: string
/**
 * What the share takes of the device.
 */
readonly consumedCapacity?: {
readonly [k: string]: string
}
}
/**
 * Settings for devices that were found.
 */
export interface DeviceAllocationConfiguration {
/**
 * Whether it comes from the class or the claim.
 */
readonly source: string
/**
 * Wishes whose devices are meant; all without it.
 */
readonly requests?: readonly string[]
readonly opaque?: OpaqueDeviceConfiguration
}
/**
 * Somebody who uses a claim.
 */
export interface ResourceClaimConsumerReference {
/**
 * Group of its kind.
 */
readonly apiGroup?: string
/**
 * Its resource, such as pods.
 */
readonly resource: string
/**
 * Its name.
 */
readonly name: string
/**
 * Its identity.
 */
readonly uid: string
}
/**
 * What a driver says about a device of a claim.
 */
export interface AllocatedDeviceStatus {
/**
 * Driver of the device.
 */
readonly driver: string
/**
 * Pool of the device.
 */
readonly pool: string
/**
 * Name of the device in its pool.
 */
readonly device: string
/**
 * Identity of the share.
 */
readonly shareID?: string
/**
 * Facts about the device.
 */
readonly conditions?: (readonly Condition[] | null)
/**
 * Whatever the driver has to say.
 */
readonly data?: Record<string, unknown>
readonly networkData?: NetworkDeviceData
}
/**
 * Addresses of a network device.
 */
export interface NetworkDeviceData {
/**
 * Name of the interface in the pod.
 */
readonly interfaceName?: string
/**
 * Addresses with the length of their prefix.
 */
readonly ips?: readonly string[]
/**
 * Address of the hardware.
 */
readonly hardwareAddress?: string
}
/**
 * Devices that a driver offers, or a part of them.
 */
export interface ResourceSlice {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ResourceSliceSpec
}
/**
 * Devices that a driver offers, and where.
 */
export interface ResourceSliceSpec {
/**
 * Driver that offers them. Cannot change.
 */
readonly driver: string
readonly pool: ResourcePool
/**
 * The node that has them. Cannot change.
 */
readonly nodeName?: string
readonly nodeSelector?: NodeSelector
/**
 * Whether every node can use them.
 */
readonly allNodes?: boolean
/**
 * The devices.
 */
readonly devices?: readonly Device[]
/**
 * Whether each device says by itself where it can be used.
 */
readonly perDeviceNodeSelection?: boolean
/**
 * Amounts that several devices draw from.
 */
readonly sharedCounters?: readonly CounterSet[]
}
/**
 * A pool and how much of it a slice shows.
 */
export interface ResourcePool {
/**
 * Name of the pool.
 */
readonly name: string
/**
 * Raised when the pool changes; older slices do not count.
 */
readonly generation?: number
/**
 * How many slices the pool has in this generation.
 */
readonly resourceSliceCount: number
}
/**
 * One device.
 */
export interface Device {
/**
 * Name of the device, unique in its pool.
 */
readonly name: string
/**
 * What is known about it, by name.
 */
readonly attributes?: {
readonly [k: string]: DeviceAttribute
}
/**
 * What it holds, by name.
 */
readonly capacity?: {
readonly [k: string]: DeviceCapacity
}
/**
 * What it draws from shared amounts.
 */
readonly consumesCounters?: readonly DeviceCounterConsumption[]
/**
 * The node that has it.
 */
readonly nodeName?: string
readonly nodeSelector?: NodeSelector
/**
 * Whether every node can use it.
 */
readonly allNodes?: boolean
/**
 * Reasons not to give it to everybody.
 */
readonly taints?: readonly DeviceTaint[]
/**
 * Whether the claim stays on the node that was chosen.
 */
readonly bindsToNode?: boolean
/**
 * Conditions to wait for before the pod is bound.
 */
readonly bindingConditions?: readonly string[]
/**
 * Conditions that mean that it cannot be had.
 */
readonly bindingFailureConditions?: readonly string[]
/**
 * Whether several claims can share it.
 */
readonly allowMultipleAllocations?: boolean
/**
 * What it takes of the node's own resources, by resource.
 */
readonly nodeAllocatableResourceMappings?: {
readonly [k: string]: NodeAllocatableResourceMapping
}
}
/**
 * One fact about a device; exactly one field.
 */
export interface DeviceAttribute {
/**
 * A number.
 */
readonly int?: number
/**
 * True or false.
 */
readonly bool?: boolean
/**
 * A text.
 */
readonly string?: string
/**
 * A version, as semver.org describes it.
 */
readonly version?: string
/**
 * Several numbers.
 */
readonly ints?: readonly number[]
/**
 * Several truths.
 */
readonly bools?: readonly boolean[]
/**
 * Several texts.
 */
readonly strings?: readonly string[]
/**
 * Several versions.
 */
readonly versions?: readonly string[]
}
/**
 * How much a device holds of something.
 */
export interface DeviceCapacity {
/**
 * How much.
 */
readonly value: string
readonly requestPolicy?: CapacityRequestPolicy
}
/**
 * How a capacity can be shared out.
 */
export interface CapacityRequestPolicy {
/**
 * Share of a claim that states none.
 */
readonly default?: string
/**
 * Shares that can be had.
 */
readonly validValues?: readonly string[]
readonly validRange?: CapacityRequestPolicyRange
}
/**
 * A range of shares.
 */
export interface CapacityRequestPolicyRange {
/**
 * The smallest.
 */
readonly min: string
/**
 * The largest.
 */
readonly max?: string
/**
 * Shares differ from the smallest by a multiple of it.
 */
readonly step?: string
}
/**
 * What a device draws from shared amounts.
 */
export interface DeviceCounterConsumption {
/**
 * The set it draws from.
 */
readonly counterSet: string
/**
 * How much it draws, by name.
 */
readonly counters: {
readonly [k: string]: Counter
}
}
/**
 * An amount.
 */
export interface Counter {
/**
 * How much there is of it.
 */
readonly value: string
}
/**
 * A reason not to give a device to everybody.
 */
export interface DeviceTaint {
/**
 * Key of the taint.
 */
readonly key: string
/**
 * Value of the taint.
 */
readonly value?: string
/**
 * What it does to those who do not tolerate it.
 */
readonly effect: string
/**
 * When it was added.
 */
readonly timeAdded?: string
}
/**
 * What a device takes of a resource of its node.
 */
export interface NodeAllocatableResourceMapping {
/**
 * Capacity of the device that is multiplied.
 */
readonly capacityKey?: string
/**
 * By how much it is multiplied; without a capacity, what is taken.
 */
readonly allocationMultiplier?: string
}
/**
 * Amounts that several devices draw from.
 */
export interface CounterSet {
/**
 * Name of the set.
 */
readonly name: string
/**
 * The amounts, by name.
 */
readonly counters: {
readonly [k: string]: Counter
}
}
/**
 * A name for how important pods are.
 */
export interface PriorityClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The priority of pods with this class; the higher, the more important. Cannot change.
 */
readonly value: number
/**
 * Whether pods without a class get this one. Only one class may be the default.
 */
readonly globalDefault?: boolean
/**
 * For people: when to use the class.
 */
readonly description?: string
/**
 * PreemptLowerPriority lets pods of this class push less important ones off a node; Never makes them wait. Cannot change.
 */
readonly preemptionPolicy?: string
}
/**
 * A CSI driver, and what it expects of the system.
 */
export interface CSIDriver {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: CSIDriverSpec
}
/**
 * What a CSI driver can do and needs.
 */
export interface CSIDriverSpec {
/**
 * Whether its volumes must be attached to a node before they are mounted.
 */
readonly attachRequired?: boolean
/**
 * Whether it wants to hear about the pod when it mounts.
 */
readonly podInfoOnMount?: boolean
/**
 * Persistent, Ephemeral or both.
 */
readonly volumeLifecycleModes?: readonly string[]
/**
 * Whether the scheduler should look at its CSIStorageCapacity objects.
 */
readonly storageCapacity?: boolean
/**
 * Whether files get the pod's group: ReadWriteOnceWithFSType, File or None.
 */
readonly fsGroupPolicy?: string
/**
 * ServiceAccount tokens that it wants when it mounts.
 */
readonly tokenRequests?: readonly StorageTokenRequest[]
/**
 * Whether it wants to be asked to mount again from time to time.
 */
readonly requiresRepublish?: boolean
/**
 * Whether it can mount with a SELinux context.
 */
readonly seLinuxMount?: boolean
/**
 * How often the number of volumes a node can take is asked for again.
 */
readonly nodeAllocatableUpdatePeriodSeconds?: number
/**
 * Whether tokens come in the field for secrets instead of the volume's context.
 */
readonly serviceAccountTokenInSecrets?: boolean
/**
 * Whether pods stay off nodes on which the driver is missing.
 */
readonly preventPodSchedulingIfMissing?: boolean
}
/**
 * A token that a driver wants.
 */
export interface StorageTokenRequest {
/**
 * For whom the token is meant; empty for the API server.
 */
readonly audience: string
/**
 * How long it is valid.
 */
readonly expirationSeconds?: number
}
/**
 * The CSI drivers of a node.
 */
export interface CSINode {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: CSINodeSpec
}
/**
 * The CSI drivers of a node.
 */
export interface CSINodeSpec {
/**
 * One entry for each driver.
 */
readonly drivers?: (readonly CSINodeDriver[] | null)
}
/**
 * A CSI driver on a node.
 */
export interface CSINodeDriver {
/**
 * Name of the driver.
 */
readonly name: string
/**
 * How the driver calls the node.
 */
readonly nodeID: string
/**
 * Labels of nodes by which the driver knows places.
 */
readonly topologyKeys?: (readonly string[] | null)
readonly allocatable?: VolumeNodeResources
}
/**
 * How many volumes a node can take.
 */
export interface VolumeNodeResources {
/**
 * The most volumes of the driver; unlimited without it.
 */
readonly count?: number
}
/**
 * How much room a driver has for one class in one place.
 */
export interface CSIStorageCapacity {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly nodeTopology?: LabelSelector
/**
 * The class.
 */
readonly storageClassName: string
/**
 * Room that is left.
 */
readonly capacity?: string
/**
 * Size of the largest volume that can be made.
 */
readonly maximumVolumeSize?: string
}
/**
 * A sort of storage that claims can ask for, and who makes it.
 */
export interface StorageClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Who makes volumes of this class.
 */
readonly provisioner: string
/**
 * Settings for the provisioner.
 */
readonly parameters?: {
readonly [k: string]: string
}
/**
 * What becomes of a volume of this class when its claim goes.
 */
readonly reclaimPolicy?: string
/**
 * Options for mounting volumes of this class.
 */
readonly mountOptions?: readonly string[]
/**
 * Whether claims may ask for more later.
 */
readonly allowVolumeExpansion?: boolean
/**
 * Whether a volume is found at once, or when a pod needs it and its node is known.
 */
readonly volumeBindingMode?: string
/**
 * Where volumes may be made.
 */
readonly allowedTopologies?: readonly TopologySelectorTerm[]
}
/**
 * Places, by labels of nodes.
 */
export interface TopologySelectorTerm {
/**
 * Rules that must all fit.
 */
readonly matchLabelExpressions?: readonly TopologySelectorLabelRequirement[]
}
/**
 * One rule about a label of nodes.
 */
export interface TopologySelectorLabelRequirement {
/**
 * Key of the label.
 */
readonly key: string
/**
 * Values of which one must fit.
 */
readonly values: readonly string[]
}
/**
 * The wish that a volume is attached to a node, and how that goes.
 */
export interface VolumeAttachment {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: VolumeAttachmentSpec
readonly status?: VolumeAttachmentStatus
}
/**
 * What is to be attached to which node, and by whom.
 */
export interface VolumeAttachmentSpec {
/**
 * Driver that attaches it.
 */
readonly attacher: string
readonly source: VolumeAttachmentSource
/**
 * The node.
 */
readonly nodeName: string
}
/**
 * A volume; exactly one field.
 */
export interface VolumeAttachmentSource {
/**
 * Name of the PersistentVolume.
 */
readonly persistentVolumeName?: string
readonly inlineVolumeSpec?: PersistentVolumeSpec
}
/**
 * How attaching goes.
 */
export interface VolumeAttachmentStatus {
/**
 * Whether it is attached.
 */
readonly attached?: boolean
/**
 * What the driver needs to know for mounting it.
 */
readonly attachmentMetadata?: {
readonly [k: string]: string
}
readonly attachError?: VolumeError
readonly detachError?: VolumeError
}
/**
 * What went wrong with a volume.
 */
export interface VolumeError {
/**
 * When it happened.
 */
readonly time?: (string | null)
/**
 * What happened, in a sentence.
 */
readonly message?: string
/**
 * Code of the gRPC answer.
 */
readonly errorCode?: number
}
/**
 * Attributes of volumes that can be changed later, by name.
 */
export interface VolumeAttributesClass {
/**
 * API version of the object.
 */
readonly apiVersion: string
/**
 * Kind of the object.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Driver that knows the attributes.
 */
readonly driverName: string
/**
 * The attributes.
 */
readonly parameters?: {
readonly [k: string]: string
}
}
