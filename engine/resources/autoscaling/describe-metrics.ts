import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "../types.ts";

const SHOWN_MAX = 2;
const UNKNOWN = "<unknown>";

/** `cpu: 12%/80%`: each figure as it is and as it should be, as `kubectl get hpa` shows them. */
export function describeMetrics(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return "<none>";
  const texts = specs.map((spec, index) => describeMetric(spec, statuses[index]));
  const more = texts.length - SHOWN_MAX;
  return more > 0 ? `${texts.slice(0, SHOWN_MAX).join(", ")} + ${more} more...` : texts.join(", ");
}

function describeMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case "Resource":
      return `${spec.resource?.name}: ${describeUse(spec.resource?.target, status?.resource?.current)}`;
    case "ContainerResource":
      return `${spec.containerResource?.name}: ${describeUse(spec.containerResource?.target, status?.containerResource?.current)}`;
    case "Pods":
      return `${status?.pods?.current.averageValue ?? UNKNOWN}/${spec.pods?.target.averageValue ?? UNKNOWN}`;
    case "Object":
      return describeValue(spec.object?.target, status?.object?.current);
    case "External":
      return describeValue(spec.external?.target, status?.external?.current);
    default:
      return "<unknown type>";
  }
}

function describeUse(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue}`;
  return `${current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`}/${target?.averageUtilization === undefined ? "<auto>" : `${target.averageUtilization}%`}`;
}

function describeValue(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${current?.value ?? UNKNOWN}/${target?.value ?? UNKNOWN}`;
}
