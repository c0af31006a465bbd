// Generated from schemas/ by `npm run generate`; do not edit.

/**
 * Keeps a number of equal pods running and replaces them step by step when their template changes.
 */
export interface Deployment {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: DeploymentSpec
readonly status?: DeploymentStatus
}
/**
 * What every object has: its name, labels, owners and history.
 */
export interface ObjectMeta {
/**
 * Name of the object, unique in its namespace.
 */
readonly name?: string
/**
 * Beginning of a name that the system completes.
 */
readonly generateName?: string
/**
 * Namespace it is in.
 */
readonly namespace?: string
/**
 * Self link of the object meta.
 */
readonly selfLink?: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
/**
 * Changes with every write; opaque.
 */
readonly resourceVersion?: string
/**
 * Counts changes of what is wanted.
 */
readonly generation?: number
/**
 * When it was created.
 */
readonly creationTimestamp?: string
/**
 * When its deletion was asked for, plus the grace period.
 */
readonly deletionTimestamp?: string
/**
 * Seconds it may take to end.
 */
readonly deletionGracePeriodSeconds?: number
/**
 * Keys and values to select by.
 */
readonly labels?: {
readonly [k: string]: string
}
/**
 * Keys and values for tools; not for selecting.
 */
readonly annotations?: {
readonly [k: string]: string
}
/**
 * Objects it belongs to; it goes when they are gone.
 */
readonly ownerReferences?: readonly OwnerReference[]
/**
 * Who must act before it may go.
 */
readonly finalizers?: readonly string[]
/**
 * Which manager set which fields.
 */
readonly managedFields?: readonly ManagedFieldsEntry[]
}
/**
 * Owner reference.
 */
export interface OwnerReference {
/**
 * The kind.
 */
readonly kind: string
/**
 * Name of the owner reference.
 */
readonly name: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid: string
/**
 * Group and version.
 */
readonly apiVersion: string
/**
 * Whether the owner manages it.
 */
readonly controller?: boolean
/**
 * Whether the owner waits for this object when it is deleted in the foreground.
 */
readonly blockOwnerDeletion?: boolean
}
/**
 * Managed fields entry.
 */
export interface ManagedFieldsEntry {
/**
 * Manager of the managed fields entry.
 */
readonly manager?: string
/**
 * Operation of the managed fields entry.
 */
readonly operation?: string
/**
 * Group and version.
 */
readonly apiVersion?: string
/**
 * Time of the managed fields entry.
 */
readonly time?: string
/**
 * Fields type of the managed fields entry.
 */
readonly fieldsType?: string
/**
 * Fields v1 of the managed fields entry.
 */
readonly fieldsV1?: Record<string, unknown>
/**
 * Subresource of the managed fields entry.
 */
readonly subresource?: string
}
/**
 * What a Deployment should keep running.
 */
export interface DeploymentSpec {
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas?: number
readonly selector: LabelSelector
readonly template: PodTemplateSpec
readonly strategy?: DeploymentStrategy
/**
 * Min ready, in seconds.
 */
readonly minReadySeconds?: number
/**
 * Revision history limit of the deployment spec.
 */
readonly revisionHistoryLimit?: number
/**
 * Whether changes of the template are held back.
 */
readonly paused?: boolean
/**
 * Progress deadline, in seconds.
 */
readonly progressDeadlineSeconds?: number
}
/**
 * Chooses objects by their labels; all requirements must hold.
 */
export interface LabelSelector {
/**
 * Match labels of the label selector.
 */
readonly matchLabels?: {
readonly [k: string]: string
}
/**
 * Match expressions of the label selector.
 */
readonly matchExpressions?: readonly LabelSelectorRequirement[]
}
/**
 * Label selector requirement.
 */
export interface LabelSelectorRequirement {
/**
 * The key.
 */
readonly key: string
/**
 * How key and values are compared.
 */
readonly operator: string
/**
 * The values to compare with.
 */
readonly values?: readonly string[]
}
/**
 * The wanted state of the pod template.
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
 * Volumes that containers can mount.
 */
readonly volumes?: readonly Volume[]
/**
 * The programs of the pod; at least one.
 */
readonly containers: readonly Container[]
/**
 * Whether ended containers are started again.
 */
readonly restartPolicy?: string
/**
 * Seconds between asking the containers to end and killing them.
 */
readonly terminationGracePeriodSeconds?: number
/**
 * Active deadline, in seconds.
 */
readonly activeDeadlineSeconds?: number
/**
 * DNS policy of the pod spec.
 */
readonly dnsPolicy?: string
/**
 * Labels that the node must have.
 */
readonly nodeSelector?: {
readonly [k: string]: string
}
/**
 * Service account name of the pod spec.
 */
readonly serviceAccountName?: string
/**
 * Service account of the pod spec.
 */
readonly serviceAccount?: string
/**
 * The node it runs on.
 */
readonly nodeName?: string
/**
 * Host network of the pod spec.
 */
readonly hostNetwork?: boolean
/**
 * Host process id of the pod spec.
 */
readonly hostPID?: boolean
/**
 * Host IPC of the pod spec.
 */
readonly hostIPC?: boolean
readonly securityContext?: PodSecurityContext
/**
 * Image pull secrets of the pod spec.
 */
readonly imagePullSecrets?: readonly LocalObjectReference[]
/**
 * Hostname of the pod spec.
 */
readonly hostname?: string
/**
 * Subdomain of the pod spec.
 */
readonly subdomain?: string
readonly affinity?: Affinity
/**
 * Scheduler name of the pod spec.
 */
readonly schedulerName?: string
/**
 * Programs that run to completion, one after another, before the others start.
 */
readonly initContainers?: readonly Container[]
/**
 * Automount service account token of the pod spec.
 */
readonly automountServiceAccountToken?: boolean
/**
 * Taints that do not keep this pod away.
 */
readonly tolerations?: readonly Toleration[]
/**
 * Host aliases of the pod spec.
 */
readonly hostAliases?: readonly HostAlias[]
/**
 * Priority class name of the pod spec.
 */
readonly priorityClassName?: string
/**
 * Priority of the pod spec.
 */
readonly priority?: number
readonly dnsConfig?: PodDNSConfig
/**
 * Share process namespace of the pod spec.
 */
readonly shareProcessNamespace?: boolean
/**
 * Readiness gates of the pod spec.
 */
readonly readinessGates?: readonly PodReadinessGate[]
/**
 * Runtime class name of the pod spec.
 */
readonly runtimeClassName?: string
/**
 * Enable service links of the pod spec.
 */
readonly enableServiceLinks?: boolean
/**
 * Preemption policy of the pod spec.
 */
readonly preemptionPolicy?: string
/**
 * Overhead of the pod spec.
 */
readonly overhead?: {
readonly [k: string]: string
}
/**
 * Topology spread constraints of the pod spec.
 */
readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[]
/**
 * Ephemeral containers of the pod spec.
 */
readonly ephemeralContainers?: readonly EphemeralContainer[]
/**
 * Set hostname as fqdn of the pod spec.
 */
readonly setHostnameAsFQDN?: boolean
readonly os?: PodOS
/**
 * Host users of the pod spec.
 */
readonly hostUsers?: boolean
/**
 * Scheduling gates of the pod spec.
 */
readonly schedulingGates?: readonly PodSchedulingGate[]
/**
 * Resource claims of the pod spec.
 */
readonly resourceClaims?: readonly PodResourceClaim[]
readonly resources?: ResourceRequirements
/**
 * Hostname override of the pod spec.
 */
readonly hostnameOverride?: string
readonly schedulingGroup?: PodSchedulingGroup
}
/**
 * Volume.
 */
export interface Volume {
/**
 * Name of the volume.
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
 * Host path volume source.
 */
export interface HostPathVolumeSource {
/**
 * The path.
 */
readonly path: string
/**
 * Which kind of it this is.
 */
readonly type?: string
}
/**
 * Empty dir volume source.
 */
export interface EmptyDirVolumeSource {
/**
 * Medium of the empty dir volume source.
 */
readonly medium?: string
/**
 * Size limit of the empty dir volume source.
 */
readonly sizeLimit?: string
}
/**
 * Gce persistent disk volume source.
 */
export interface GCEPersistentDiskVolumeSource {
/**
 * Pd name of the gce persistent disk volume source.
 */
readonly pdName: string
/**
 * File system type of the gce persistent disk volume source.
 */
readonly fsType?: string
/**
 * Partition of the gce persistent disk volume source.
 */
readonly partition?: number
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Aws elastic block store volume source.
 */
export interface AWSElasticBlockStoreVolumeSource {
/**
 * Volume identifier of the aws elastic block store volume source.
 */
readonly volumeID: string
/**
 * File system type of the aws elastic block store volume source.
 */
readonly fsType?: string
/**
 * Partition of the aws elastic block store volume source.
 */
readonly partition?: number
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Git repo volume source.
 */
export interface GitRepoVolumeSource {
/**
 * Repository of the git repo volume source.
 */
readonly repository: string
/**
 * Revision of the git repo volume source.
 */
readonly revision?: string
/**
 * Directory of the git repo volume source.
 */
readonly directory?: string
}
/**
 * Secret volume source.
 */
export interface SecretVolumeSource {
/**
 * Secret name of the secret volume source.
 */
readonly secretName?: string
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly KeyToPath[]
/**
 * Permission bits of files that do not say their own.
 */
readonly defaultMode?: number
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Key to path.
 */
export interface KeyToPath {
/**
 * The key.
 */
readonly key: string
/**
 * The path.
 */
readonly path: string
/**
 * Permission bits of the file.
 */
readonly mode?: number
}
/**
 * Nfs volume source.
 */
export interface NFSVolumeSource {
/**
 * Server of the nfs volume source.
 */
readonly server: string
/**
 * The path.
 */
readonly path: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Iscsi volume source.
 */
export interface ISCSIVolumeSource {
/**
 * Target portal of the iscsi volume source.
 */
readonly targetPortal: string
/**
 * Iqn of the iscsi volume source.
 */
readonly iqn: string
/**
 * Lun of the iscsi volume source.
 */
readonly lun: number
/**
 * Iscsi interface of the iscsi volume source.
 */
readonly iscsiInterface?: string
/**
 * File system type of the iscsi volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Portals of the iscsi volume source.
 */
readonly portals?: readonly string[]
/**
 * Chap auth discovery of the iscsi volume source.
 */
readonly chapAuthDiscovery?: boolean
readonly secretRef?: LocalObjectReference
/**
 * Chap auth session of the iscsi volume source.
 */
readonly chapAuthSession?: boolean
/**
 * Initiator name of the iscsi volume source.
 */
readonly initiatorName?: string
}
/**
 * Local object reference.
 */
export interface LocalObjectReference {
/**
 * Name of the local object reference.
 */
readonly name?: string
}
/**
 * Glusterfs volume source.
 */
export interface GlusterfsVolumeSource {
/**
 * Endpoints of the glusterfs volume source.
 */
readonly endpoints: string
/**
 * The path.
 */
readonly path: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Persistent volume claim volume source.
 */
export interface PersistentVolumeClaimVolumeSource {
/**
 * Claim name of the persistent volume claim volume source.
 */
readonly claimName: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Rbd volume source.
 */
export interface RBDVolumeSource {
/**
 * Monitors of the rbd volume source.
 */
readonly monitors: readonly string[]
/**
 * Image to run, such as registry.example/app:1.2.
 */
readonly image: string
/**
 * File system type of the rbd volume source.
 */
readonly fsType?: string
/**
 * Pool of the rbd volume source.
 */
readonly pool?: string
/**
 * User of the rbd volume source.
 */
readonly user?: string
/**
 * Keyring of the rbd volume source.
 */
readonly keyring?: string
readonly secretRef?: LocalObjectReference
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Flex volume source.
 */
export interface FlexVolumeSource {
/**
 * Driver of the flex volume source.
 */
readonly driver: string
/**
 * File system type of the flex volume source.
 */
readonly fsType?: string
readonly secretRef?: LocalObjectReference
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Options of the flex volume source.
 */
readonly options?: {
readonly [k: string]: string
}
}
/**
 * Cinder volume source.
 */
export interface CinderVolumeSource {
/**
 * Volume identifier of the cinder volume source.
 */
readonly volumeID: string
/**
 * File system type of the cinder volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
readonly secretRef?: LocalObjectReference
}
/**
 * Ceph file system volume source.
 */
export interface CephFSVolumeSource {
/**
 * Monitors of the ceph file system volume source.
 */
readonly monitors: readonly string[]
/**
 * The path.
 */
readonly path?: string
/**
 * User of the ceph file system volume source.
 */
readonly user?: string
/**
 * Secret file of the ceph file system volume source.
 */
readonly secretFile?: string
readonly secretRef?: LocalObjectReference
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Flocker volume source.
 */
export interface FlockerVolumeSource {
/**
 * Dataset name of the flocker volume source.
 */
readonly datasetName?: string
/**
 * Dataset uuid of the flocker volume source.
 */
readonly datasetUUID?: string
}
/**
 * Downward API volume source.
 */
export interface DownwardAPIVolumeSource {
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly DownwardAPIVolumeFile[]
/**
 * Permission bits of files that do not say their own.
 */
readonly defaultMode?: number
}
/**
 * Downward API volume file.
 */
export interface DownwardAPIVolumeFile {
/**
 * The path.
 */
readonly path: string
readonly fieldRef?: ObjectFieldSelector
readonly resourceFieldRef?: ResourceFieldSelector
/**
 * Permission bits of the file.
 */
readonly mode?: number
}
/**
 * Object field selector.
 */
export interface ObjectFieldSelector {
/**
 * Group and version.
 */
readonly apiVersion?: string
/**
 * Field path of the object field selector.
 */
readonly fieldPath: string
}
/**
 * Resource field selector.
 */
export interface ResourceFieldSelector {
/**
 * Container name of the resource field selector.
 */
readonly containerName?: string
/**
 * Resource of the resource field selector.
 */
readonly resource: string
/**
 * Divisor of the resource field selector.
 */
readonly divisor?: string
}
/**
 * Fc volume source.
 */
export interface FCVolumeSource {
/**
 * Target ww ns of the fc volume source.
 */
readonly targetWWNs?: readonly string[]
/**
 * Lun of the fc volume source.
 */
readonly lun?: number
/**
 * File system type of the fc volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Wwids of the fc volume source.
 */
readonly wwids?: readonly string[]
}
/**
 * Azure file volume source.
 */
export interface AzureFileVolumeSource {
/**
 * Secret name of the azure file volume source.
 */
readonly secretName: string
/**
 * Share name of the azure file volume source.
 */
readonly shareName: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Config map volume source.
 */
export interface ConfigMapVolumeSource {
/**
 * Name of the config map volume source.
 */
readonly name?: string
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly KeyToPath[]
/**
 * Permission bits of files that do not say their own.
 */
readonly defaultMode?: number
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Vsphere virtual disk volume source.
 */
export interface VsphereVirtualDiskVolumeSource {
/**
 * Volume path of the vsphere virtual disk volume source.
 */
readonly volumePath: string
/**
 * File system type of the vsphere virtual disk volume source.
 */
readonly fsType?: string
/**
 * Storage policy name of the vsphere virtual disk volume source.
 */
readonly storagePolicyName?: string
/**
 * Storage policy identifier of the vsphere virtual disk volume source.
 */
readonly storagePolicyID?: string
}
/**
 * Quobyte volume source.
 */
export interface QuobyteVolumeSource {
/**
 * Registry of the quobyte volume source.
 */
readonly registry: string
/**
 * Volume of the quobyte volume source.
 */
readonly volume: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * User of the quobyte volume source.
 */
readonly user?: string
/**
 * Group of the quobyte volume source.
 */
readonly group?: string
/**
 * Tenant of the quobyte volume source.
 */
readonly tenant?: string
}
/**
 * Azure disk volume source.
 */
export interface AzureDiskVolumeSource {
/**
 * Disk name of the azure disk volume source.
 */
readonly diskName: string
/**
 * Disk uri of the azure disk volume source.
 */
readonly diskURI: string
/**
 * Caching mode of the azure disk volume source.
 */
readonly cachingMode?: string
/**
 * File system type of the azure disk volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * The kind.
 */
readonly kind?: string
}
/**
 * Photon persistent disk volume source.
 */
export interface PhotonPersistentDiskVolumeSource {
/**
 * Pd identifier of the photon persistent disk volume source.
 */
readonly pdID: string
/**
 * File system type of the photon persistent disk volume source.
 */
readonly fsType?: string
}
/**
 * Portworx volume source.
 */
export interface PortworxVolumeSource {
/**
 * Volume identifier of the portworx volume source.
 */
readonly volumeID: string
/**
 * File system type of the portworx volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Scale io volume source.
 */
export interface ScaleIOVolumeSource {
/**
 * Gateway of the scale io volume source.
 */
readonly gateway: string
/**
 * System of the scale io volume source.
 */
readonly system: string
readonly secretRef: LocalObjectReference
/**
 * Ssl enabled of the scale io volume source.
 */
readonly sslEnabled?: boolean
/**
 * Protection domain of the scale io volume source.
 */
readonly protectionDomain?: string
/**
 * Storage pool of the scale io volume source.
 */
readonly storagePool?: string
/**
 * Storage mode of the scale io volume source.
 */
readonly storageMode?: string
/**
 * Volume name of the scale io volume source.
 */
readonly volumeName?: string
/**
 * File system type of the scale io volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
}
/**
 * Projected volume source.
 */
export interface ProjectedVolumeSource {
/**
 * Sources of the projected volume source.
 */
readonly sources?: readonly VolumeProjection[]
/**
 * Permission bits of files that do not say their own.
 */
readonly defaultMode?: number
}
/**
 * Volume projection.
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
 * Secret projection.
 */
export interface SecretProjection {
/**
 * Name of the secret projection.
 */
readonly name?: string
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly KeyToPath[]
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Downward API projection.
 */
export interface DownwardAPIProjection {
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly DownwardAPIVolumeFile[]
}
/**
 * Config map projection.
 */
export interface ConfigMapProjection {
/**
 * Name of the config map projection.
 */
readonly name?: string
/**
 * Which keys to use, and where to put them; all keys when absent.
 */
readonly items?: readonly KeyToPath[]
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Service account token projection.
 */
export interface ServiceAccountTokenProjection {
/**
 * Audience of the service account token projection.
 */
readonly audience?: string
/**
 * Expiration, in seconds.
 */
readonly expirationSeconds?: number
/**
 * The path.
 */
readonly path: string
}
/**
 * Cluster trust bundle projection.
 */
export interface ClusterTrustBundleProjection {
/**
 * Name of the cluster trust bundle projection.
 */
readonly name?: string
/**
 * Signer name of the cluster trust bundle projection.
 */
readonly signerName?: string
readonly labelSelector?: LabelSelector
/**
 * The path.
 */
readonly path: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Pod certificate projection.
 */
export interface PodCertificateProjection {
/**
 * Signer name of the pod certificate projection.
 */
readonly signerName: string
/**
 * Key type of the pod certificate projection.
 */
readonly keyType: string
/**
 * Max expiration, in seconds.
 */
readonly maxExpirationSeconds?: number
/**
 * Credential bundle path of the pod certificate projection.
 */
readonly credentialBundlePath?: string
/**
 * Key path of the pod certificate projection.
 */
readonly keyPath?: string
/**
 * Certificate chain path of the pod certificate projection.
 */
readonly certificateChainPath?: string
/**
 * User annotations of the pod certificate projection.
 */
readonly userAnnotations?: {
readonly [k: string]: string
}
}
/**
 * Storage operating system volume source.
 */
export interface StorageOSVolumeSource {
/**
 * Volume name of the storage operating system volume source.
 */
readonly volumeName?: string
/**
 * Volume namespace of the storage operating system volume source.
 */
readonly volumeNamespace?: string
/**
 * File system type of the storage operating system volume source.
 */
readonly fsType?: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
readonly secretRef?: LocalObjectReference
}
/**
 * Csi volume source.
 */
export interface CSIVolumeSource {
/**
 * Driver of the csi volume source.
 */
readonly driver: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * File system type of the csi volume source.
 */
readonly fsType?: string
/**
 * Volume attributes of the csi volume source.
 */
readonly volumeAttributes?: {
readonly [k: string]: string
}
readonly nodePublishSecretRef?: LocalObjectReference
}
/**
 * Ephemeral volume source.
 */
export interface EphemeralVolumeSource {
readonly volumeClaimTemplate?: PersistentVolumeClaimTemplate
}
/**
 * Persistent volume claim template.
 */
export interface PersistentVolumeClaimTemplate {
readonly metadata?: ObjectMeta
readonly spec: PersistentVolumeClaimSpec
}
/**
 * The wanted state of the persistent volume claim.
 */
export interface PersistentVolumeClaimSpec {
/**
 * Access modes of the persistent volume claim spec.
 */
readonly accessModes?: readonly string[]
readonly resources?: VolumeResourceRequirements
/**
 * Volume name of the persistent volume claim spec.
 */
readonly volumeName?: string
readonly selector?: LabelSelector
/**
 * Storage class name of the persistent volume claim spec.
 */
readonly storageClassName?: string
/**
 * Volume mode of the persistent volume claim spec.
 */
readonly volumeMode?: string
readonly dataSource?: TypedLocalObjectReference
readonly dataSourceRef?: TypedObjectReference
/**
 * Volume attributes class name of the persistent volume claim spec.
 */
readonly volumeAttributesClassName?: string
}
/**
 * Volume resource requirements.
 */
export interface VolumeResourceRequirements {
/**
 * Limits of the volume resource requirements.
 */
readonly limits?: {
readonly [k: string]: string
}
/**
 * Requests of the volume resource requirements.
 */
readonly requests?: {
readonly [k: string]: string
}
}
/**
 * Typed local object reference.
 */
export interface TypedLocalObjectReference {
/**
 * API group of the typed local object reference.
 */
readonly apiGroup?: string
/**
 * The kind.
 */
readonly kind: string
/**
 * Name of the typed local object reference.
 */
readonly name: string
}
/**
 * Typed object reference.
 */
export interface TypedObjectReference {
/**
 * API group of the typed object reference.
 */
readonly apiGroup?: string
/**
 * The kind.
 */
readonly kind: string
/**
 * Name of the typed object reference.
 */
readonly name: string
/**
 * Namespace it is in.
 */
readonly namespace?: string
}
/**
 * Image volume source.
 */
export interface ImageVolumeSource {
/**
 * Reference of the image volume source.
 */
readonly reference?: string
/**
 * Pull policy of the image volume source.
 */
readonly pullPolicy?: string
}
/**
 * One program of a pod, with its image, environment and limits.
 */
export interface Container {
/**
 * Name of the container.
 */
readonly name: string
/**
 * Image to run, such as registry.example/app:1.2.
 */
readonly image?: string
/**
 * Program to run instead of the image's entry point.
 */
readonly command?: readonly string[]
/**
 * Arguments of the program.
 */
readonly args?: readonly string[]
/**
 * Working dir of the container.
 */
readonly workingDir?: string
/**
 * Ports, by number and optional name.
 */
readonly ports?: readonly ContainerPort[]
/**
 * Environment variables.
 */
readonly env?: readonly EnvVar[]
readonly resources?: ResourceRequirements
/**
 * Volume mounts of the container.
 */
readonly volumeMounts?: readonly VolumeMount[]
readonly livenessProbe?: Probe
readonly readinessProbe?: Probe
readonly lifecycle?: Lifecycle
/**
 * Termination message path of the container.
 */
readonly terminationMessagePath?: string
/**
 * When the image is pulled.
 */
readonly imagePullPolicy?: string
readonly securityContext?: SecurityContext
/**
 * Stdin of the container.
 */
readonly stdin?: boolean
/**
 * Stdin once of the container.
 */
readonly stdinOnce?: boolean
/**
 * Tty of the container.
 */
readonly tty?: boolean
/**
 * Sources whose keys all become environment variables.
 */
readonly envFrom?: readonly EnvFromSource[]
/**
 * Termination message policy of the container.
 */
readonly terminationMessagePolicy?: string
/**
 * Volume devices of the container.
 */
readonly volumeDevices?: readonly VolumeDevice[]
readonly startupProbe?: Probe
/**
 * Resize policy of the container.
 */
readonly resizePolicy?: readonly ContainerResizePolicy[]
/**
 * Whether ended containers are started again.
 */
readonly restartPolicy?: string
/**
 * Restart policy rules of the container.
 */
readonly restartPolicyRules?: readonly ContainerRestartRule[]
}
/**
 * Container port.
 */
export interface ContainerPort {
/**
 * Name of the container port.
 */
readonly name?: string
/**
 * Host port of the container port.
 */
readonly hostPort?: number
/**
 * Container port of the container port.
 */
readonly containerPort: number
/**
 * TCP, UDP or SCTP.
 */
readonly protocol?: string
/**
 * Host IP address of the container port.
 */
readonly hostIP?: string
}
/**
 * Env var.
 */
export interface EnvVar {
/**
 * Name of the env var.
 */
readonly name: string
/**
 * The value.
 */
readonly value?: string
readonly valueFrom?: EnvVarSource
}
/**
 * Env var source.
 */
export interface EnvVarSource {
readonly fieldRef?: ObjectFieldSelector
readonly resourceFieldRef?: ResourceFieldSelector
readonly configMapKeyRef?: ConfigMapKeySelector
readonly secretKeyRef?: SecretKeySelector
readonly fileKeyRef?: FileKeySelector
}
/**
 * Config map key selector.
 */
export interface ConfigMapKeySelector {
/**
 * Name of the config map key selector.
 */
readonly name?: string
/**
 * The key.
 */
readonly key: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Secret key selector.
 */
export interface SecretKeySelector {
/**
 * Name of the secret key selector.
 */
readonly name?: string
/**
 * The key.
 */
readonly key: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * File key selector.
 */
export interface FileKeySelector {
/**
 * Volume name of the file key selector.
 */
readonly volumeName: string
/**
 * The path.
 */
readonly path: string
/**
 * The key.
 */
readonly key: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Resource requirements.
 */
export interface ResourceRequirements {
/**
 * Limits of the resource requirements.
 */
readonly limits?: {
readonly [k: string]: string
}
/**
 * Requests of the resource requirements.
 */
readonly requests?: {
readonly [k: string]: string
}
/**
 * Claims of the resource requirements.
 */
readonly claims?: readonly ResourceClaim[]
}
/**
 * Resource claim.
 */
export interface ResourceClaim {
/**
 * Name of the resource claim.
 */
readonly name: string
/**
 * Request of the resource claim.
 */
readonly request?: string
}
/**
 * Volume mount.
 */
export interface VolumeMount {
/**
 * Name of the volume mount.
 */
readonly name: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Where in the container it appears.
 */
readonly mountPath: string
/**
 * Part of the volume to mount.
 */
readonly subPath?: string
/**
 * Mount propagation of the volume mount.
 */
readonly mountPropagation?: string
/**
 * Sub path expr of the volume mount.
 */
readonly subPathExpr?: string
/**
 * Recursive read only of the volume mount.
 */
readonly recursiveReadOnly?: string
}
/**
 * Probe.
 */
export interface Probe {
readonly exec?: ExecAction
readonly httpGet?: HTTPGetAction
readonly tcpSocket?: TCPSocketAction
readonly grpc?: GRPCAction
/**
 * Initial delay, in seconds.
 */
readonly initialDelaySeconds?: number
/**
 * Timeout, in seconds.
 */
readonly timeoutSeconds?: number
/**
 * Period, in seconds.
 */
readonly periodSeconds?: number
/**
 * Success threshold of the probe.
 */
readonly successThreshold?: number
/**
 * Failure threshold of the probe.
 */
readonly failureThreshold?: number
/**
 * Seconds between asking the containers to end and killing them.
 */
readonly terminationGracePeriodSeconds?: number
}
/**
 * Exec action.
 */
export interface ExecAction {
/**
 * Program to run instead of the image's entry point.
 */
readonly command?: readonly string[]
}
/**
 * HTTP get action.
 */
export interface HTTPGetAction {
/**
 * The path.
 */
readonly path?: string
/**
 * Port number.
 */
readonly port: number | string
/**
 * Host of the HTTP get action.
 */
readonly host?: string
/**
 * Scheme of the HTTP get action.
 */
readonly scheme?: string
/**
 * HTTP headers of the HTTP get action.
 */
readonly httpHeaders?: readonly HTTPHeader[]
}
/**
 * HTTP header.
 */
export interface HTTPHeader {
/**
 * Name of the HTTP header.
 */
readonly name: string
/**
 * The value.
 */
readonly value: string
}
/**
 * TCP socket action.
 */
export interface TCPSocketAction {
/**
 * Port number.
 */
readonly port: number | string
/**
 * Host of the TCP socket action.
 */
readonly host?: string
}
/**
 * Grpc action.
 */
export interface GRPCAction {
/**
 * Port number.
 */
readonly port: number
/**
 * Service of the grpc action.
 */
readonly service?: string
}
/**
 * Lifecycle.
 */
export interface Lifecycle {
readonly postStart?: LifecycleHandler
readonly preStop?: LifecycleHandler
/**
 * Stop signal of the lifecycle.
 */
readonly stopSignal?: string
}
/**
 * Lifecycle handler.
 */
export interface LifecycleHandler {
readonly exec?: ExecAction
readonly httpGet?: HTTPGetAction
readonly tcpSocket?: TCPSocketAction
readonly sleep?: SleepAction
}
/**
 * Sleep action.
 */
export interface SleepAction {
/**
 * Seconds of the sleep action.
 */
readonly seconds: number
}
/**
 * Security context.
 */
export interface SecurityContext {
readonly capabilities?: Capabilities
/**
 * Privileged of the security context.
 */
readonly privileged?: boolean
readonly seLinuxOptions?: SELinuxOptions
/**
 * Run as user of the security context.
 */
readonly runAsUser?: number
/**
 * Run as non root of the security context.
 */
readonly runAsNonRoot?: boolean
/**
 * Read only root filesystem of the security context.
 */
readonly readOnlyRootFilesystem?: boolean
/**
 * Allow privilege escalation of the security context.
 */
readonly allowPrivilegeEscalation?: boolean
/**
 * Run as group of the security context.
 */
readonly runAsGroup?: number
/**
 * Proc mount of the security context.
 */
readonly procMount?: string
readonly windowsOptions?: WindowsSecurityContextOptions
readonly seccompProfile?: SeccompProfile
readonly appArmorProfile?: AppArmorProfile
}
/**
 * Capabilities.
 */
export interface Capabilities {
/**
 * Add of the capabilities.
 */
readonly add?: readonly string[]
/**
 * Drop of the capabilities.
 */
readonly drop?: readonly string[]
}
/**
 * Se linux options.
 */
export interface SELinuxOptions {
/**
 * User of the se linux options.
 */
readonly user?: string
/**
 * Role of the se linux options.
 */
readonly role?: string
/**
 * Which kind of it this is.
 */
readonly type?: string
/**
 * Level of the se linux options.
 */
readonly level?: string
}
/**
 * Windows security context options.
 */
export interface WindowsSecurityContextOptions {
/**
 * Gmsa credential spec name of the windows security context options.
 */
readonly gmsaCredentialSpecName?: string
/**
 * Gmsa credential spec of the windows security context options.
 */
readonly gmsaCredentialSpec?: string
/**
 * Run as user name of the windows security context options.
 */
readonly runAsUserName?: string
/**
 * Host process of the windows security context options.
 */
readonly hostProcess?: boolean
}
/**
 * Seccomp profile.
 */
export interface SeccompProfile {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * Localhost profile of the seccomp profile.
 */
readonly localhostProfile?: string
}
/**
 * App armor profile.
 */
export interface AppArmorProfile {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * Localhost profile of the app armor profile.
 */
readonly localhostProfile?: string
}
/**
 * Env from source.
 */
export interface EnvFromSource {
/**
 * Prefix of the env from source.
 */
readonly prefix?: string
readonly configMapRef?: ConfigMapEnvSource
readonly secretRef?: SecretEnvSource
}
/**
 * Config map env source.
 */
export interface ConfigMapEnvSource {
/**
 * Name of the config map env source.
 */
readonly name?: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Secret env source.
 */
export interface SecretEnvSource {
/**
 * Name of the secret env source.
 */
readonly name?: string
/**
 * Whether it may be missing.
 */
readonly optional?: boolean
}
/**
 * Volume device.
 */
export interface VolumeDevice {
/**
 * Name of the volume device.
 */
readonly name: string
/**
 * Device path of the volume device.
 */
readonly devicePath: string
}
/**
 * Container resize policy.
 */
export interface ContainerResizePolicy {
/**
 * Resource name of the container resize policy.
 */
readonly resourceName: string
/**
 * Whether ended containers are started again.
 */
readonly restartPolicy: string
}
/**
 * Container restart rule.
 */
export interface ContainerRestartRule {
/**
 * Action of the container restart rule.
 */
readonly action: string
readonly exitCodes?: ContainerRestartRuleOnExitCodes
}
/**
 * Container restart rule on exit codes.
 */
export interface ContainerRestartRuleOnExitCodes {
/**
 * How key and values are compared.
 */
readonly operator: string
/**
 * The values to compare with.
 */
readonly values?: readonly number[]
}
/**
 * Pod security context.
 */
export interface PodSecurityContext {
readonly seLinuxOptions?: SELinuxOptions
/**
 * Run as user of the pod security context.
 */
readonly runAsUser?: number
/**
 * Run as non root of the pod security context.
 */
readonly runAsNonRoot?: boolean
/**
 * Supplemental groups of the pod security context.
 */
readonly supplementalGroups?: readonly number[]
/**
 * File system group of the pod security context.
 */
readonly fsGroup?: number
/**
 * Run as group of the pod security context.
 */
readonly runAsGroup?: number
/**
 * Sysctls of the pod security context.
 */
readonly sysctls?: readonly Sysctl[]
readonly windowsOptions?: WindowsSecurityContextOptions
/**
 * File system group change policy of the pod security context.
 */
readonly fsGroupChangePolicy?: string
readonly seccompProfile?: SeccompProfile
readonly appArmorProfile?: AppArmorProfile
/**
 * Supplemental groups policy of the pod security context.
 */
readonly supplementalGroupsPolicy?: string
/**
 * Se linux change policy of the pod security context.
 */
readonly seLinuxChangePolicy?: string
}
/**
 * Sysctl.
 */
export interface Sysctl {
/**
 * Name of the sysctl.
 */
readonly name: string
/**
 * The value.
 */
readonly value: string
}
/**
 * Affinity.
 */
export interface Affinity {
readonly nodeAffinity?: NodeAffinity
readonly podAffinity?: PodAffinity
readonly podAntiAffinity?: PodAntiAffinity
}
/**
 * Node affinity.
 */
export interface NodeAffinity {
readonly requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
/**
 * Preferred during scheduling ignored during execution of the node affinity.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly PreferredSchedulingTerm[]
}
/**
 * Node selector.
 */
export interface NodeSelector {
/**
 * Node selector terms of the node selector.
 */
readonly nodeSelectorTerms: readonly NodeSelectorTerm[]
}
/**
 * Node selector term.
 */
export interface NodeSelectorTerm {
/**
 * Match expressions of the node selector term.
 */
readonly matchExpressions?: readonly NodeSelectorRequirement[]
/**
 * Match fields of the node selector term.
 */
readonly matchFields?: readonly NodeSelectorRequirement[]
}
/**
 * Node selector requirement.
 */
export interface NodeSelectorRequirement {
/**
 * The key.
 */
readonly key: string
/**
 * How key and values are compared.
 */
readonly operator: string
/**
 * The values to compare with.
 */
readonly values?: readonly string[]
}
/**
 * Preferred scheduling term.
 */
export interface PreferredSchedulingTerm {
/**
 * Weight of the preferred scheduling term.
 */
readonly weight: number
readonly preference: NodeSelectorTerm
}
/**
 * Pod affinity.
 */
export interface PodAffinity {
/**
 * Required during scheduling ignored during execution of the pod affinity.
 */
readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
/**
 * Preferred during scheduling ignored during execution of the pod affinity.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[]
}
/**
 * Pod affinity term.
 */
export interface PodAffinityTerm {
readonly labelSelector?: LabelSelector
/**
 * Namespaces of the pod affinity term.
 */
readonly namespaces?: readonly string[]
/**
 * Topology key of the pod affinity term.
 */
readonly topologyKey: string
readonly namespaceSelector?: LabelSelector
/**
 * Match label keys of the pod affinity term.
 */
readonly matchLabelKeys?: readonly string[]
/**
 * Mismatch label keys of the pod affinity term.
 */
readonly mismatchLabelKeys?: readonly string[]
}
/**
 * Weighted pod affinity term.
 */
export interface WeightedPodAffinityTerm {
/**
 * Weight of the weighted pod affinity term.
 */
readonly weight: number
readonly podAffinityTerm: PodAffinityTerm
}
/**
 * Pod anti affinity.
 */
export interface PodAntiAffinity {
/**
 * Required during scheduling ignored during execution of the pod anti affinity.
 */
readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[]
/**
 * Preferred during scheduling ignored during execution of the pod anti affinity.
 */
readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[]
}
/**
 * Toleration.
 */
export interface Toleration {
/**
 * The key.
 */
readonly key?: string
/**
 * How key and values are compared.
 */
readonly operator?: string
/**
 * The value.
 */
readonly value?: string
/**
 * What happens to pods that do not tolerate it.
 */
readonly effect?: string
/**
 * Toleration, in seconds.
 */
readonly tolerationSeconds?: number
}
/**
 * Host alias.
 */
export interface HostAlias {
/**
 * IP address of the host alias.
 */
readonly ip: string
/**
 * Hostnames of the host alias.
 */
readonly hostnames?: readonly string[]
}
/**
 * Pod DNS config.
 */
export interface PodDNSConfig {
/**
 * Nameservers of the pod DNS config.
 */
readonly nameservers?: readonly string[]
/**
 * Searches of the pod DNS config.
 */
readonly searches?: readonly string[]
/**
 * Options of the pod DNS config.
 */
readonly options?: readonly PodDNSConfigOption[]
}
/**
 * Pod DNS config option.
 */
export interface PodDNSConfigOption {
/**
 * Name of the pod DNS config option.
 */
readonly name?: string
/**
 * The value.
 */
readonly value?: string
}
/**
 * Pod readiness gate.
 */
export interface PodReadinessGate {
/**
 * Condition type of the pod readiness gate.
 */
readonly conditionType: string
}
/**
 * Topology spread constraint.
 */
export interface TopologySpreadConstraint {
/**
 * Max skew of the topology spread constraint.
 */
readonly maxSkew: number
/**
 * Topology key of the topology spread constraint.
 */
readonly topologyKey: string
/**
 * When unsatisfiable of the topology spread constraint.
 */
readonly whenUnsatisfiable: string
readonly labelSelector?: LabelSelector
/**
 * Min domains of the topology spread constraint.
 */
readonly minDomains?: number
/**
 * Node affinity policy of the topology spread constraint.
 */
readonly nodeAffinityPolicy?: string
/**
 * Node taints policy of the topology spread constraint.
 */
readonly nodeTaintsPolicy?: string
/**
 * Match label keys of the topology spread constraint.
 */
readonly matchLabelKeys?: readonly string[]
}
/**
 * Ephemeral container.
 */
export interface EphemeralContainer {
/**
 * Name of the ephemeral container.
 */
readonly name: string
/**
 * Image to run, such as registry.example/app:1.2.
 */
readonly image?: string
/**
 * Program to run instead of the image's entry point.
 */
readonly command?: readonly string[]
/**
 * Arguments of the program.
 */
readonly args?: readonly string[]
/**
 * Working dir of the ephemeral container.
 */
readonly workingDir?: string
/**
 * Ports, by number and optional name.
 */
readonly ports?: readonly ContainerPort[]
/**
 * Environment variables.
 */
readonly env?: readonly EnvVar[]
readonly resources?: ResourceRequirements
/**
 * Volume mounts of the ephemeral container.
 */
readonly volumeMounts?: readonly VolumeMount[]
readonly livenessProbe?: Probe
readonly readinessProbe?: Probe
readonly lifecycle?: Lifecycle
/**
 * Termination message path of the ephemeral container.
 */
readonly terminationMessagePath?: string
/**
 * When the image is pulled.
 */
readonly imagePullPolicy?: string
readonly securityContext?: SecurityContext
/**
 * Stdin of the ephemeral container.
 */
readonly stdin?: boolean
/**
 * Stdin once of the ephemeral container.
 */
readonly stdinOnce?: boolean
/**
 * Tty of the ephemeral container.
 */
readonly tty?: boolean
/**
 * Sources whose keys all become environment variables.
 */
readonly envFrom?: readonly EnvFromSource[]
/**
 * Termination message policy of the ephemeral container.
 */
readonly terminationMessagePolicy?: string
/**
 * Volume devices of the ephemeral container.
 */
readonly volumeDevices?: readonly VolumeDevice[]
readonly startupProbe?: Probe
/**
 * Resize policy of the ephemeral container.
 */
readonly resizePolicy?: readonly ContainerResizePolicy[]
/**
 * Whether ended containers are started again.
 */
readonly restartPolicy?: string
/**
 * Restart policy rules of the ephemeral container.
 */
readonly restartPolicyRules?: readonly ContainerRestartRule[]
/**
 * Target container name of the ephemeral container.
 */
readonly targetContainerName?: string
}
/**
 * Pod operating system.
 */
export interface PodOS {
/**
 * Name of the pod operating system.
 */
readonly name: string
}
/**
 * Pod scheduling gate.
 */
export interface PodSchedulingGate {
/**
 * Name of the pod scheduling gate.
 */
readonly name: string
}
/**
 * Pod resource claim.
 */
export interface PodResourceClaim {
/**
 * Name of the pod resource claim.
 */
readonly name: string
/**
 * Resource claim name of the pod resource claim.
 */
readonly resourceClaimName?: string
/**
 * Resource claim template name of the pod resource claim.
 */
readonly resourceClaimTemplateName?: string
}
/**
 * Pod scheduling group.
 */
export interface PodSchedulingGroup {
/**
 * Pod group name of the pod scheduling group.
 */
readonly podGroupName?: string
}
/**
 * Deployment strategy.
 */
export interface DeploymentStrategy {
/**
 * Which kind of it this is.
 */
readonly type?: string
readonly rollingUpdate?: RollingUpdateDeployment
}
/**
 * Rolling update deployment.
 */
export interface RollingUpdateDeployment {
/**
 * Max unavailable of the rolling update deployment.
 */
readonly maxUnavailable?: number | string
/**
 * Max surge of the rolling update deployment.
 */
readonly maxSurge?: number | string
}
/**
 * How far a Deployment has come.
 */
export interface DeploymentStatus {
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas?: number
/**
 * Updated replicas of the deployment status.
 */
readonly updatedReplicas?: number
/**
 * Available replicas of the deployment status.
 */
readonly availableReplicas?: number
/**
 * Unavailable replicas of the deployment status.
 */
readonly unavailableReplicas?: number
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly DeploymentCondition[]
/**
 * Ready replicas of the deployment status.
 */
readonly readyReplicas?: number
/**
 * Collision count of the deployment status.
 */
readonly collisionCount?: number
/**
 * Terminating replicas of the deployment status.
 */
readonly terminatingReplicas?: number
}
/**
 * Deployment condition.
 */
export interface DeploymentCondition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * Last update time, as RFC 3339.
 */
readonly lastUpdateTime?: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: string
}
/**
 * Keeps a number of equal pods running.
 */
export interface ReplicaSet {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: ReplicaSetSpec
readonly status?: ReplicaSetStatus
}
/**
 * The wanted state of the replica set.
 */
export interface ReplicaSetSpec {
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas?: number
readonly selector: LabelSelector
readonly template?: PodTemplateSpec
/**
 * Min ready, in seconds.
 */
readonly minReadySeconds?: number
}
/**
 * The observed state of the replica set.
 */
export interface ReplicaSetStatus {
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas: number
/**
 * Fully labeled replicas of the replica set status.
 */
readonly fullyLabeledReplicas?: number
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * Ready replicas of the replica set status.
 */
readonly readyReplicas?: number
/**
 * Available replicas of the replica set status.
 */
readonly availableReplicas?: number
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly ReplicaSetCondition[]
/**
 * Terminating replicas of the replica set status.
 */
readonly terminatingReplicas?: number
}
/**
 * Replica set condition.
 */
export interface ReplicaSetCondition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * Self subject review.
 */
export interface SelfSubjectReview {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly status?: SelfSubjectReviewStatus
}
/**
 * The observed state of the self subject review.
 */
export interface SelfSubjectReviewStatus {
readonly userInfo?: UserInfo
}
/**
 * User info.
 */
export interface UserInfo {
/**
 * Username of the user info.
 */
readonly username?: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
/**
 * Groups of the user info.
 */
readonly groups?: readonly string[]
/**
 * Extra of the user info.
 */
readonly extra?: {
readonly [k: string]: readonly string[]
}
}
/**
 * Token request.
 */
export interface TokenRequest {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: TokenRequestSpec
readonly status?: TokenRequestStatus
}
/**
 * The wanted state of the token request.
 */
export interface TokenRequestSpec {
/**
 * Audiences of the token request spec.
 */
readonly audiences?: readonly string[]
readonly boundObjectRef?: BoundObjectReference
/**
 * Expiration, in seconds.
 */
readonly expirationSeconds?: number
}
/**
 * Bound object reference.
 */
export interface BoundObjectReference {
/**
 * The kind.
 */
readonly kind?: string
/**
 * Group and version.
 */
readonly apiVersion?: string
/**
 * Name of the bound object reference.
 */
readonly name?: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
}
/**
 * The observed state of the token request.
 */
export interface TokenRequestStatus {
/**
 * Token of the token request status.
 */
readonly token?: string
/**
 * Expiration timestamp, as RFC 3339.
 */
readonly expirationTimestamp?: string
}
/**
 * Token review.
 */
export interface TokenReview {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: TokenReviewSpec
readonly status?: TokenReviewStatus
}
/**
 * The wanted state of the token review.
 */
export interface TokenReviewSpec {
/**
 * Token of the token review spec.
 */
readonly token: string
/**
 * Audiences of the token review spec.
 */
readonly audiences?: readonly string[]
}
/**
 * The observed state of the token review.
 */
export interface TokenReviewStatus {
/**
 * Authenticated of the token review status.
 */
readonly authenticated?: boolean
readonly user?: UserInfo
/**
 * Error of the token review status.
 */
readonly error?: string
/**
 * Audiences of the token review status.
 */
readonly audiences?: readonly string[]
}
/**
 * Self subject access review.
 */
export interface SelfSubjectAccessReview {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SelfSubjectAccessReviewSpec
readonly status?: SubjectAccessReviewStatus
}
/**
 * The wanted state of the self subject access review.
 */
export interface SelfSubjectAccessReviewSpec {
readonly resourceAttributes?: ResourceAttributes
readonly nonResourceAttributes?: NonResourceAttributes
}
/**
 * Resource attributes.
 */
export interface ResourceAttributes {
/**
 * Namespace it is in.
 */
readonly namespace?: string
/**
 * Verb of the resource attributes.
 */
readonly verb?: string
/**
 * Group of the resource attributes.
 */
readonly group?: string
/**
 * Version of the resource attributes.
 */
readonly version?: string
/**
 * Resource of the resource attributes.
 */
readonly resource?: string
/**
 * Subresource of the resource attributes.
 */
readonly subresource?: string
/**
 * Name of the resource attributes.
 */
readonly name?: string
readonly fieldSelector?: FieldSelectorAttributes
readonly labelSelector?: LabelSelectorAttributes
}
/**
 * Field selector attributes.
 */
export interface FieldSelectorAttributes {
/**
 * Raw selector of the field selector attributes.
 */
readonly rawSelector?: string
/**
 * Requirements of the field selector attributes.
 */
readonly requirements?: readonly FieldSelectorRequirement[]
}
/**
 * Field selector requirement.
 */
export interface FieldSelectorRequirement {
/**
 * The key.
 */
readonly key: string
/**
 * How key and values are compared.
 */
readonly operator: string
/**
 * The values to compare with.
 */
readonly values?: readonly string[]
}
/**
 * Label selector attributes.
 */
export interface LabelSelectorAttributes {
/**
 * Raw selector of the label selector attributes.
 */
readonly rawSelector?: string
/**
 * Requirements of the label selector attributes.
 */
readonly requirements?: readonly LabelSelectorRequirement[]
}
/**
 * Non resource attributes.
 */
export interface NonResourceAttributes {
/**
 * The path.
 */
readonly path?: string
/**
 * Verb of the non resource attributes.
 */
readonly verb?: string
}
/**
 * The observed state of the subject access review.
 */
export interface SubjectAccessReviewStatus {
/**
 * Allowed of the subject access review status.
 */
readonly allowed: boolean
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * Evaluation error of the subject access review status.
 */
readonly evaluationError?: string
/**
 * Denied of the subject access review status.
 */
readonly denied?: boolean
}
/**
 * Subject access review.
 */
export interface SubjectAccessReview {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec: SubjectAccessReviewSpec
readonly status?: SubjectAccessReviewStatus
}
/**
 * The wanted state of the subject access review.
 */
export interface SubjectAccessReviewSpec {
readonly resourceAttributes?: ResourceAttributes
readonly nonResourceAttributes?: NonResourceAttributes
/**
 * User of the subject access review spec.
 */
readonly user?: string
/**
 * Groups of the subject access review spec.
 */
readonly groups?: readonly string[]
/**
 * Extra of the subject access review spec.
 */
readonly extra?: {
readonly [k: string]: readonly string[]
}
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
}
/**
 * How many replicas a workload has, in a form common to all workloads.
 */
export interface Scale {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ScaleSpec
readonly status?: ScaleStatus
}
/**
 * The wanted state of the scale.
 */
export interface ScaleSpec {
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas?: number
}
/**
 * The observed state of the scale.
 */
export interface ScaleStatus {
/**
 * How many there should be (in a status: how many there are).
 */
readonly replicas: number
/**
 * Which pods belong to it.
 */
readonly selector?: string
}
/**
 * Says who holds a role and until when.
 */
export interface Lease {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: LeaseSpec
}
/**
 * The wanted state of the lease.
 */
export interface LeaseSpec {
/**
 * Who holds the lease.
 */
readonly holderIdentity?: string
/**
 * Seconds after which others may take it.
 */
readonly leaseDurationSeconds?: number
/**
 * When the holder took it.
 */
readonly acquireTime?: string
/**
 * When the holder last renewed it.
 */
readonly renewTime?: string
/**
 * Lease transitions of the lease spec.
 */
readonly leaseTransitions?: number
/**
 * How old pods are replaced by new ones.
 */
readonly strategy?: string
/**
 * Preferred holder of the lease spec.
 */
readonly preferredHolder?: string
}
/**
 * Assigns a pod to a node.
 */
export interface Binding {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly target: ObjectReference
}
/**
 * Object reference.
 */
export interface ObjectReference {
/**
 * The kind.
 */
readonly kind?: string
/**
 * Namespace it is in.
 */
readonly namespace?: string
/**
 * Name of the object reference.
 */
readonly name?: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
/**
 * Group and version.
 */
readonly apiVersion?: string
/**
 * Changes with every write; opaque.
 */
readonly resourceVersion?: string
/**
 * Field path of the object reference.
 */
readonly fieldPath?: string
}
/**
 * Settings as keys and values, for containers to read.
 */
export interface ConfigMap {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The keys and values.
 */
readonly data?: {
readonly [k: string]: string
}
/**
 * Keys and values that are not text, as base64.
 */
readonly binaryData?: {
readonly [k: string]: string
}
/**
 * Refuse any further change of the data.
 */
readonly immutable?: boolean
}
/**
 * Something that happened to an object, worth telling a person.
 */
export interface CoreEvent {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly involvedObject: ObjectReference
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
readonly source?: EventSource
/**
 * When it happened first.
 */
readonly firstTimestamp?: string
/**
 * When it happened last.
 */
readonly lastTimestamp?: string
/**
 * How often it happened.
 */
readonly count?: number
/**
 * Which kind of it this is.
 */
readonly type?: string
/**
 * Event time, as RFC 3339.
 */
readonly eventTime?: string
readonly series?: EventSeries
/**
 * Action of the event.
 */
readonly action?: string
readonly related?: ObjectReference
/**
 * Reporting component of the event.
 */
readonly reportingComponent?: string
/**
 * Reporting instance of the event.
 */
readonly reportingInstance?: string
}
/**
 * Event source.
 */
export interface EventSource {
/**
 * Component of the event source.
 */
readonly component?: string
/**
 * Host of the event source.
 */
readonly host?: string
}
/**
 * Event series.
 */
export interface EventSeries {
/**
 * How often it happened.
 */
readonly count?: number
/**
 * Last observed time, as RFC 3339.
 */
readonly lastObservedTime?: string
}
/**
 * A room for names; deleting it deletes what is in it.
 */
export interface Namespace {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: NamespaceSpec
readonly status?: NamespaceStatus
}
/**
 * The wanted state of the namespace.
 */
export interface NamespaceSpec {
/**
 * Who must act before it may go.
 */
readonly finalizers?: readonly string[]
}
/**
 * The observed state of the namespace.
 */
export interface NamespaceStatus {
/**
 * Where in its life it is.
 */
readonly phase?: string
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly NamespaceCondition[]
}
/**
 * Namespace condition.
 */
export interface NamespaceCondition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * A machine that runs pods.
 */
export interface Node {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: NodeSpec
readonly status?: NodeStatus
}
/**
 * The wanted state of the node.
 */
export interface NodeSpec {
/**
 * Pod address range of the node spec.
 */
readonly podCIDR?: string
/**
 * External identifier of the node spec.
 */
readonly externalID?: string
/**
 * Provider identifier of the node spec.
 */
readonly providerID?: string
/**
 * Unschedulable of the node spec.
 */
readonly unschedulable?: boolean
/**
 * Taints of the node spec.
 */
readonly taints?: readonly Taint[]
readonly configSource?: NodeConfigSource
/**
 * Pod cid rs of the node spec.
 */
readonly podCIDRs?: readonly string[]
}
/**
 * Taint.
 */
export interface Taint {
/**
 * The key.
 */
readonly key: string
/**
 * The value.
 */
readonly value?: string
/**
 * What happens to pods that do not tolerate it.
 */
readonly effect: string
/**
 * Time added of the taint.
 */
readonly timeAdded?: string
}
/**
 * Node config source.
 */
export interface NodeConfigSource {
readonly configMap?: ConfigMapNodeConfigSource
}
/**
 * Config map node config source.
 */
export interface ConfigMapNodeConfigSource {
/**
 * Namespace it is in.
 */
readonly namespace: string
/**
 * Name of the config map node config source.
 */
readonly name: string
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
/**
 * Changes with every write; opaque.
 */
readonly resourceVersion?: string
/**
 * Kubelet config key of the config map node config source.
 */
readonly kubeletConfigKey: string
}
/**
 * The observed state of the node.
 */
export interface NodeStatus {
/**
 * Capacity of the node status.
 */
readonly capacity?: {
readonly [k: string]: string
}
/**
 * Allocatable of the node status.
 */
readonly allocatable?: {
readonly [k: string]: string
}
/**
 * Where in its life it is.
 */
readonly phase?: string
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly NodeCondition[]
/**
 * Addresses of the node status.
 */
readonly addresses?: readonly NodeAddress[]
readonly daemonEndpoints?: NodeDaemonEndpoints
readonly nodeInfo?: NodeSystemInfo
/**
 * Images of the node status.
 */
readonly images?: readonly ContainerImage[]
/**
 * Volumes in use of the node status.
 */
readonly volumesInUse?: readonly string[]
/**
 * Volumes attached of the node status.
 */
readonly volumesAttached?: readonly AttachedVolume[]
readonly config?: NodeConfigStatus
/**
 * Runtime handlers of the node status.
 */
readonly runtimeHandlers?: readonly NodeRuntimeHandler[]
readonly features?: NodeFeatures
/**
 * Declared features of the node status.
 */
readonly declaredFeatures?: readonly string[]
}
/**
 * Node condition.
 */
export interface NodeCondition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * Last heartbeat time, as RFC 3339.
 */
readonly lastHeartbeatTime?: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * Node address.
 */
export interface NodeAddress {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * Address of the node address.
 */
readonly address: string
}
/**
 * Node daemon endpoints.
 */
export interface NodeDaemonEndpoints {
readonly kubeletEndpoint?: DaemonEndpoint
}
/**
 * Daemon endpoint.
 */
export interface DaemonEndpoint {
/**
 * Port of the daemon endpoint.
 */
readonly Port: number
}
/**
 * Node system info.
 */
export interface NodeSystemInfo {
/**
 * Machine identifier of the node system info.
 */
readonly machineID: string
/**
 * System uuid of the node system info.
 */
readonly systemUUID: string
/**
 * Boot identifier of the node system info.
 */
readonly bootID: string
/**
 * Kernel version of the node system info.
 */
readonly kernelVersion: string
/**
 * Operating system image of the node system info.
 */
readonly osImage: string
/**
 * Container runtime version of the node system info.
 */
readonly containerRuntimeVersion: string
/**
 * Kubelet version of the node system info.
 */
readonly kubeletVersion: string
/**
 * Kube proxy version of the node system info.
 */
readonly kubeProxyVersion: string
/**
 * Operating system of the node system info.
 */
readonly operatingSystem: string
/**
 * Architecture of the node system info.
 */
readonly architecture: string
readonly swap?: NodeSwapStatus
}
/**
 * The observed state of the node swap.
 */
export interface NodeSwapStatus {
/**
 * Capacity of the node swap status.
 */
readonly capacity?: number
}
/**
 * Container image.
 */
export interface ContainerImage {
/**
 * Names of the container image.
 */
readonly names?: readonly string[]
/**
 * Size bytes of the container image.
 */
readonly sizeBytes?: number
}
/**
 * Attached volume.
 */
export interface AttachedVolume {
/**
 * Name of the attached volume.
 */
readonly name: string
/**
 * Device path of the attached volume.
 */
readonly devicePath: string
}
/**
 * The observed state of the node config.
 */
export interface NodeConfigStatus {
readonly assigned?: NodeConfigSource
readonly active?: NodeConfigSource
readonly lastKnownGood?: NodeConfigSource
/**
 * Error of the node config status.
 */
readonly error?: string
}
/**
 * Node runtime handler.
 */
export interface NodeRuntimeHandler {
/**
 * Name of the node runtime handler.
 */
readonly name?: string
readonly features?: NodeRuntimeHandlerFeatures
}
/**
 * Node runtime handler features.
 */
export interface NodeRuntimeHandlerFeatures {
/**
 * Recursive read only mounts of the node runtime handler features.
 */
readonly recursiveReadOnlyMounts?: boolean
/**
 * User namespaces of the node runtime handler features.
 */
readonly userNamespaces?: boolean
}
/**
 * Node features.
 */
export interface NodeFeatures {
/**
 * Supplemental groups policy of the node features.
 */
readonly supplementalGroupsPolicy?: boolean
}
/**
 * A group of containers that run together on one node and share network and volumes.
 */
export interface Pod {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
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
 * Where in its life it is.
 */
readonly phase?: string
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly PodCondition[]
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * Host IP address of the pod status.
 */
readonly hostIP?: string
/**
 * Pod IP address of the pod status.
 */
readonly podIP?: string
/**
 * Start time, as RFC 3339.
 */
readonly startTime?: string
/**
 * Container statuses of the pod status.
 */
readonly containerStatuses?: readonly ContainerStatus[]
/**
 * Qos class of the pod status.
 */
readonly qosClass?: string
/**
 * Init container statuses of the pod status.
 */
readonly initContainerStatuses?: readonly ContainerStatus[]
/**
 * Nominated node name of the pod status.
 */
readonly nominatedNodeName?: string
/**
 * Pod i ps of the pod status.
 */
readonly podIPs?: readonly PodIP[]
/**
 * Ephemeral container statuses of the pod status.
 */
readonly ephemeralContainerStatuses?: readonly ContainerStatus[]
/**
 * Resize of the pod status.
 */
readonly resize?: string
/**
 * Resource claim statuses of the pod status.
 */
readonly resourceClaimStatuses?: readonly PodResourceClaimStatus[]
/**
 * Host i ps of the pod status.
 */
readonly hostIPs?: readonly HostIP[]
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
readonly extendedResourceClaimStatus?: PodExtendedResourceClaimStatus
/**
 * Allocated resources of the pod status.
 */
readonly allocatedResources?: {
readonly [k: string]: string
}
readonly resources?: ResourceRequirements
/**
 * Node allocatable resource claim statuses of the pod status.
 */
readonly nodeAllocatableResourceClaimStatuses?: readonly NodeAllocatableResourceClaimStatus[]
}
/**
 * Pod condition.
 */
export interface PodCondition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * Last probe time, as RFC 3339.
 */
readonly lastProbeTime?: string
/**
 * When the status last changed.
 */
readonly lastTransitionTime?: string
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
}
/**
 * The observed state of the container.
 */
export interface ContainerStatus {
/**
 * Name of the container status.
 */
readonly name: string
readonly state?: ContainerState
readonly lastState?: ContainerState
/**
 * Ready of the container status.
 */
readonly ready: boolean
/**
 * Restart count of the container status.
 */
readonly restartCount: number
/**
 * Image to run, such as registry.example/app:1.2.
 */
readonly image: string
/**
 * Image identifier of the container status.
 */
readonly imageID: string
/**
 * Container identifier of the container status.
 */
readonly containerID?: string
/**
 * Started of the container status.
 */
readonly started?: boolean
/**
 * Allocated resources of the container status.
 */
readonly allocatedResources?: {
readonly [k: string]: string
}
readonly resources?: ResourceRequirements
/**
 * Volume mounts of the container status.
 */
readonly volumeMounts?: readonly VolumeMountStatus[]
readonly user?: ContainerUser
/**
 * Allocated resources status of the container status.
 */
readonly allocatedResourcesStatus?: readonly ResourceStatus[]
/**
 * Stop signal of the container status.
 */
readonly stopSignal?: string
}
/**
 * Container state.
 */
export interface ContainerState {
readonly waiting?: ContainerStateWaiting
readonly running?: ContainerStateRunning
readonly terminated?: ContainerStateTerminated
}
/**
 * Container state waiting.
 */
export interface ContainerStateWaiting {
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * Container state running.
 */
export interface ContainerStateRunning {
/**
 * Started at of the container state running.
 */
readonly startedAt?: string
}
/**
 * Container state terminated.
 */
export interface ContainerStateTerminated {
/**
 * Exit code of the container state terminated.
 */
readonly exitCode: number
/**
 * Signal of the container state terminated.
 */
readonly signal?: number
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * Started at of the container state terminated.
 */
readonly startedAt?: string
/**
 * Finished at of the container state terminated.
 */
readonly finishedAt?: string
/**
 * Container identifier of the container state terminated.
 */
readonly containerID?: string
}
/**
 * The observed state of the volume mount.
 */
export interface VolumeMountStatus {
/**
 * Name of the volume mount status.
 */
readonly name: string
/**
 * Where in the container it appears.
 */
readonly mountPath: string
/**
 * Whether writing is forbidden.
 */
readonly readOnly?: boolean
/**
 * Recursive read only of the volume mount status.
 */
readonly recursiveReadOnly?: string
readonly volumeStatus?: VolumeStatus
}
/**
 * The observed state of the volume.
 */
export interface VolumeStatus {
readonly image?: ImageVolumeStatus
}
/**
 * The observed state of the image volume.
 */
export interface ImageVolumeStatus {
/**
 * Image ref of the image volume status.
 */
readonly imageRef: string
}
/**
 * Container user.
 */
export interface ContainerUser {
readonly linux?: LinuxContainerUser
}
/**
 * Linux container user.
 */
export interface LinuxContainerUser {
/**
 * Unique in time and space; made by the system.
 */
readonly uid: number
/**
 * Group id of the linux container user.
 */
readonly gid: number
/**
 * Supplemental groups of the linux container user.
 */
readonly supplementalGroups?: readonly number[]
}
/**
 * The observed state of the resource.
 */
export interface ResourceStatus {
/**
 * Name of the resource status.
 */
readonly name: string
/**
 * What is requested, and the most that may be used.
 */
readonly resources?: readonly ResourceHealth[]
}
/**
 * Resource health.
 */
export interface ResourceHealth {
/**
 * Resource identifier of the resource health.
 */
readonly resourceID: string
/**
 * Health of the resource health.
 */
readonly health?: string
/**
 * A sentence, for people.
 */
readonly message?: string
}
/**
 * Pod IP address.
 */
export interface PodIP {
/**
 * IP address of the pod IP address.
 */
readonly ip: string
}
/**
 * The observed state of the pod resource claim.
 */
export interface PodResourceClaimStatus {
/**
 * Name of the pod resource claim status.
 */
readonly name: string
/**
 * Resource claim name of the pod resource claim status.
 */
readonly resourceClaimName?: string
}
/**
 * Host IP address.
 */
export interface HostIP {
/**
 * IP address of the host IP address.
 */
readonly ip: string
}
/**
 * The observed state of the pod extended resource claim.
 */
export interface PodExtendedResourceClaimStatus {
/**
 * Request mappings of the pod extended resource claim status.
 */
readonly requestMappings: readonly ContainerExtendedResourceRequest[]
/**
 * Resource claim name of the pod extended resource claim status.
 */
readonly resourceClaimName: string
}
/**
 * Container extended resource request.
 */
export interface ContainerExtendedResourceRequest {
/**
 * Container name of the container extended resource request.
 */
readonly containerName: string
/**
 * Resource name of the container extended resource request.
 */
readonly resourceName: string
/**
 * Request name of the container extended resource request.
 */
readonly requestName: string
}
/**
 * The observed state of the node allocatable resource claim.
 */
export interface NodeAllocatableResourceClaimStatus {
/**
 * Resource claim name of the node allocatable resource claim status.
 */
readonly resourceClaimName: string
/**
 * The programs of the pod; at least one.
 */
readonly containers?: readonly string[]
/**
 * What is requested, and the most that may be used.
 */
readonly resources: {
readonly [k: string]: string
}
}
/**
 * Confidential keys and values, for containers to read.
 */
export interface Secret {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * The keys and values.
 */
readonly data?: {
readonly [k: string]: string
}
/**
 * Which kind of it this is.
 */
readonly type?: string
/**
 * Plain text that the system stores in data; never returned.
 */
readonly stringData?: {
readonly [k: string]: string
}
/**
 * Refuse any further change of the data.
 */
readonly immutable?: boolean
}
/**
 * An identity for the programs of a namespace.
 */
export interface ServiceAccount {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Secrets of the service account.
 */
readonly secrets?: readonly ObjectReference[]
/**
 * Image pull secrets of the service account.
 */
readonly imagePullSecrets?: readonly LocalObjectReference[]
/**
 * Automount service account token of the service account.
 */
readonly automountServiceAccountToken?: boolean
}
/**
 * A stable address for a changing set of pods.
 */
export interface Service {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
readonly spec?: ServiceSpec
readonly status?: ServiceStatus
}
/**
 * How a Service is reached, and which pods answer.
 */
export interface ServiceSpec {
/**
 * Ports, by number and optional name.
 */
readonly ports?: readonly ServicePort[]
/**
 * Which pods belong to it.
 */
readonly selector?: {
readonly [k: string]: string
}
/**
 * The address inside the cluster; None for a headless Service.
 */
readonly clusterIP?: string
/**
 * Which kind of it this is.
 */
readonly type?: string
/**
 * External i ps of the service spec.
 */
readonly externalIPs?: readonly string[]
/**
 * Whether a client stays with one pod.
 */
readonly sessionAffinity?: string
/**
 * Load balancer IP address of the service spec.
 */
readonly loadBalancerIP?: string
/**
 * Load balancer source ranges of the service spec.
 */
readonly loadBalancerSourceRanges?: readonly string[]
/**
 * Name of a host elsewhere that stands for this Service.
 */
readonly externalName?: string
/**
 * External traffic policy of the service spec.
 */
readonly externalTrafficPolicy?: string
/**
 * Health check node port of the service spec.
 */
readonly healthCheckNodePort?: number
/**
 * Publish not ready addresses of the service spec.
 */
readonly publishNotReadyAddresses?: boolean
readonly sessionAffinityConfig?: SessionAffinityConfig
/**
 * IP address family policy of the service spec.
 */
readonly ipFamilyPolicy?: string
/**
 * Cluster i ps of the service spec.
 */
readonly clusterIPs?: readonly string[]
/**
 * IP address families of the service spec.
 */
readonly ipFamilies?: readonly string[]
/**
 * Allocate load balancer node ports of the service spec.
 */
readonly allocateLoadBalancerNodePorts?: boolean
/**
 * Load balancer class of the service spec.
 */
readonly loadBalancerClass?: string
/**
 * Internal traffic policy of the service spec.
 */
readonly internalTrafficPolicy?: string
/**
 * Traffic distribution of the service spec.
 */
readonly trafficDistribution?: string
}
/**
 * Service port.
 */
export interface ServicePort {
/**
 * Name of the service port.
 */
readonly name?: string
/**
 * TCP, UDP or SCTP.
 */
readonly protocol?: string
/**
 * Port number.
 */
readonly port: number
/**
 * Port of the pod, by number or name.
 */
readonly targetPort?: number | string
/**
 * Port opened on every node.
 */
readonly nodePort?: number
/**
 * App protocol of the service port.
 */
readonly appProtocol?: string
}
/**
 * Session affinity config.
 */
export interface SessionAffinityConfig {
readonly clientIP?: ClientIPConfig
}
/**
 * Client IP address config.
 */
export interface ClientIPConfig {
/**
 * Timeout, in seconds.
 */
readonly timeoutSeconds?: number
}
/**
 * The observed state of the service.
 */
export interface ServiceStatus {
readonly loadBalancer?: LoadBalancerStatus
/**
 * Facts about the current state, each true, false or unknown.
 */
readonly conditions?: readonly Condition[]
}
/**
 * The observed state of the load balancer.
 */
export interface LoadBalancerStatus {
/**
 * Ingress of the load balancer status.
 */
readonly ingress?: readonly LoadBalancerIngress[]
}
/**
 * Load balancer ingress.
 */
export interface LoadBalancerIngress {
/**
 * IP address of the load balancer ingress.
 */
readonly ip?: string
/**
 * Hostname of the load balancer ingress.
 */
readonly hostname?: string
/**
 * IP address mode of the load balancer ingress.
 */
readonly ipMode?: string
/**
 * Ports, by number and optional name.
 */
readonly ports?: readonly PortStatus[]
}
/**
 * The observed state of the port.
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
 * Error of the port status.
 */
readonly error?: string
}
/**
 * Condition.
 */
export interface Condition {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * What is observed; written by the system.
 */
readonly status: string
/**
 * The generation of the spec that this status speaks of.
 */
readonly observedGeneration?: number
/**
 * When the status last changed.
 */
readonly lastTransitionTime: string
/**
 * One word, for programs.
 */
readonly reason: string
/**
 * A sentence, for people.
 */
readonly message: string
}
/**
 * Some of the network endpoints behind a Service.
 */
export interface EndpointSlice {
/**
 * Group and version of this kind, such as apps/v1.
 */
readonly apiVersion: string
/**
 * Name of this kind.
 */
readonly kind: string
readonly metadata: ObjectMeta
/**
 * Endpoints of the endpoint slice.
 */
readonly endpoints?: readonly Endpoint[]
/**
 * Ports, by number and optional name.
 */
readonly ports?: readonly EndpointPort[]
/**
 * Address type of the endpoint slice.
 */
readonly addressType: string
}
/**
 * Endpoint.
 */
export interface Endpoint {
/**
 * Addresses of the endpoint.
 */
readonly addresses: readonly string[]
readonly conditions?: EndpointConditions
/**
 * Hostname of the endpoint.
 */
readonly hostname?: string
readonly targetRef?: ObjectReference
/**
 * Deprecated topology of the endpoint.
 */
readonly deprecatedTopology?: {
readonly [k: string]: string
}
/**
 * The node it runs on.
 */
readonly nodeName?: string
/**
 * Zone of the endpoint.
 */
readonly zone?: string
readonly hints?: EndpointHints
}
/**
 * Endpoint conditions.
 */
export interface EndpointConditions {
/**
 * Ready of the endpoint conditions.
 */
readonly ready?: boolean
/**
 * Serving of the endpoint conditions.
 */
readonly serving?: boolean
/**
 * Terminating of the endpoint conditions.
 */
readonly terminating?: boolean
}
/**
 * Endpoint hints.
 */
export interface EndpointHints {
/**
 * For zones of the endpoint hints.
 */
readonly forZones?: readonly ForZone[]
/**
 * For nodes of the endpoint hints.
 */
readonly forNodes?: readonly ForNode[]
}
/**
 * For zone.
 */
export interface ForZone {
/**
 * Name of the for zone.
 */
readonly name: string
}
/**
 * For node.
 */
export interface ForNode {
/**
 * Name of the for node.
 */
readonly name: string
}
/**
 * Endpoint port.
 */
export interface EndpointPort {
/**
 * Name of the endpoint port.
 */
readonly name?: string
/**
 * TCP, UDP or SCTP.
 */
readonly protocol?: string
/**
 * Port number.
 */
readonly port?: number
/**
 * App protocol of the endpoint port.
 */
readonly appProtocol?: string
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
readonly deletes?: RepositoryDeletes
readonly status?: RepositoryStatusBranch
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
}
/**
 * Limits on what one commit may delete.
 */
export interface RepositoryDeletes {
/**
 * Largest share of an application's objects that may go at once, in percent; 20 when absent.
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
 * applied, rejected or unreachable.
 */
readonly result?: string
/**
 * Why, when it is not applied.
 */
readonly message?: string
/**
 * When that was.
 */
readonly time?: string
}
/**
 * List meta.
 */
export interface ListMeta {
/**
 * Self link of the list meta.
 */
readonly selfLink?: string
/**
 * Changes with every write; opaque.
 */
readonly resourceVersion?: string
/**
 * Continue of the list meta.
 */
readonly continue?: string
/**
 * Remaining item count of the list meta.
 */
readonly remainingItemCount?: number
readonly shardInfo?: ShardInfo
}
/**
 * Shard info.
 */
export interface ShardInfo {
/**
 * Which pods belong to it.
 */
readonly selector: string
}
/**
 * The outcome of a request that has no object to return.
 */
export interface Status {
readonly metadata?: ListMeta
/**
 * What is observed; written by the system.
 */
readonly status?: string
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * One word, for programs.
 */
readonly reason?: string
readonly details?: StatusDetails
/**
 * Code of the status.
 */
readonly code?: number
}
/**
 * Status details.
 */
export interface StatusDetails {
/**
 * Name of the status details.
 */
readonly name?: string
/**
 * Group of the status details.
 */
readonly group?: string
/**
 * The kind.
 */
readonly kind?: string
/**
 * Causes of the status details.
 */
readonly causes?: readonly StatusCause[]
/**
 * Retry after, in seconds.
 */
readonly retryAfterSeconds?: number
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
}
/**
 * Status cause.
 */
export interface StatusCause {
/**
 * One word, for programs.
 */
readonly reason?: string
/**
 * A sentence, for people.
 */
readonly message?: string
/**
 * Field of the status cause.
 */
readonly field?: string
}
/**
 * Delete options.
 */
export interface DeleteOptions {
/**
 * Grace period, in seconds.
 */
readonly gracePeriodSeconds?: number
readonly preconditions?: Preconditions
/**
 * Orphan dependents of the delete options.
 */
readonly orphanDependents?: boolean
/**
 * Propagation policy of the delete options.
 */
readonly propagationPolicy?: string
/**
 * Dry run of the delete options.
 */
readonly dryRun?: readonly string[]
/**
 * Ignore store read error with cluster breaking potential of the delete options.
 */
readonly ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
}
/**
 * Preconditions.
 */
export interface Preconditions {
/**
 * Unique in time and space; made by the system.
 */
readonly uid?: string
/**
 * Changes with every write; opaque.
 */
readonly resourceVersion?: string
}
/**
 * Create options.
 */
export interface CreateOptions {
/**
 * Dry run of the create options.
 */
readonly dryRun?: readonly string[]
/**
 * Field manager of the create options.
 */
readonly fieldManager?: string
/**
 * Field validation of the create options.
 */
readonly fieldValidation?: string
}
/**
 * Update options.
 */
export interface UpdateOptions {
/**
 * Dry run of the update options.
 */
readonly dryRun?: readonly string[]
/**
 * Field manager of the update options.
 */
readonly fieldManager?: string
/**
 * Field validation of the update options.
 */
readonly fieldValidation?: string
}
/**
 * Patch options.
 */
export interface PatchOptions {
/**
 * Dry run of the patch options.
 */
readonly dryRun?: readonly string[]
/**
 * Force of the patch options.
 */
readonly force?: boolean
/**
 * Field manager of the patch options.
 */
readonly fieldManager?: string
/**
 * Field validation of the patch options.
 */
readonly fieldValidation?: string
}
/**
 * Watch event.
 */
export interface WatchEvent {
/**
 * Which kind of it this is.
 */
readonly type: string
/**
 * Object of the watch event.
 */
readonly object: Record<string, unknown>
}
