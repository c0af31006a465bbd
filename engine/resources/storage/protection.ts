/** Finalizers that keep a claim or a volume until nobody uses it any more. */
export const CLAIM_PROTECTION = "kubernetes.io/pvc-protection";
export const VOLUME_PROTECTION = "kubernetes.io/pv-protection";
export const ATTRIBUTES_CLASS_PROTECTION = "kubernetes.io/vac-protection";
