#include "sandbox/company.h"

/*
 * Monitors that every service has, whatever it does. In the words {service} stands for the service's short name, {host}
 * and {pod} for one of its machines, {n} and {m} for numbers.
 */
/* clang-format off */
#define RUN "https://wiki.lumenparcel.example/runbooks/"
const struct c_monitor company_monitors[N_MONITORS] = {
    {"CPU of {host} at {n} %",                               "warning",  "node_cpu_percent",      90, true,  80, RUN "cpu",
     {"Nightly report ran by day; moved it back to 02:00.", "Stopped the runaway log shipper on {host}; CPU is back at {m} %."}},
    {"Memory of {host} at {n} %",                            "warning",  "node_memory_percent",   92, true,  45, RUN "memory",
     {"Restarted the process on {host}; memory is back at {m} %.", "Leak in the {service} cache; lowered its limit and restarted."}},
    {"Disk of {host} is {n} % full",                         "error",    "node_filesystem_used",  85, true,  10, RUN "disk",
     {"Removed core dumps and old logs on {host}, {m} GB free again.", "Log rotation was off after the last image; switched it on and rotated by hand."}},
    {"Pod {pod} of {service} is crash looping",              "critical", "kube_pod_restarts",      5, false, 20, RUN "crash-loop",
     {"Rolled {service} back to build {m}; the new one misses a setting.", "Secret was rotated without a restart; restarted the deployment.",}},
    {"{service} health check failed {n} times on {host}",    "critical", "probe_failures",         3, false, 50, RUN "health-check",
     {"Readiness probe was too strict after the deploy; raised it to {m} s.", "Host had lost its network for a moment; drained {host} and put it back."}},
    {"{service} deploy {n} is stuck",                        "warning",  "deploy_progress",        1, false, 15, RUN "deploy-stuck",
     {"Registry was slow; started the deploy again and it went through.", "No node had room for the pods; removed two old replicas."}},
    {"{service} error budget burns {n} times too fast",      "critical", "slo_burn_rate",         10, false, 30, RUN "error-budget",
     {"Rolled {service} back to build {m}, burn rate is below one again.", "A dependency answered slowly; raised its timeout and told the owners."}},
    {"Clock of {host} is off by {n} ms",                     "warning",  "node_clock_offset_ms",  50, false, 70, RUN "clock",
     {"chronyd had died on {host}; restarted it.", "Time server was replaced; pointed the hosts at the new one."}},
    {"Backup of {service} is {n} hours late",                "error",    "backup_age_hours",      26, false,  5, RUN "backup",
     {"Backup bucket was out of quota; raised it and ran the backup by hand.", "Credentials of the backup job had expired; renewed them."}},
    {"{service} logs {n} errors per minute on {host}",       "error",    "log_errors",           100, false, 60, RUN "log-errors",
     {"A client sent garbage; blocked its key at the gateway.", "Feature flag was half on; switched it off, errors stopped."}},
};

const char *const company_short_names[N_SERVICES] = {
    "tracking-api", "label-service", "route-planner", "payments", "order-intake", "parcel-db", "event-bus", "customer-web",
};
/* clang-format on */
