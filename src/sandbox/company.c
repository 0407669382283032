#include "sandbox/company.h"

#include <string.h>
#include <strings.h>

/* clang-format off */
const struct c_user company_users[N_USERS] = {
    {"PUASHAV", "Asha Verma",     "asha.verma@lumenparcel.example",    "user",  "Site reliability engineer", "Europe/Copenhagen", 0},
    {"PUBOLIN", "Bo Lindqvist",   "bo.lindqvist@lumenparcel.example",  "user",  "Site reliability engineer", "Europe/Stockholm",  0},
    {"PUCARMO", "Carmen Ortega",  "carmen.ortega@lumenparcel.example", "user",  "Database engineer",         "Europe/Madrid",     0},
    {"PUDARIC", "Dario Conti",    "dario.conti@lumenparcel.example",   "user",  "Platform engineer",         "Europe/Rome",       0},
    {"PUEWANO", "Ewa Nowak",      "ewa.nowak@lumenparcel.example",     "user",  "Backend engineer",          "Europe/Warsaw",     1},
    {"PUFEMIA", "Femi Adeyemi",   "femi.adeyemi@lumenparcel.example",  "user",  "Backend engineer",          "Africa/Lagos",      1},
    {"PUGRETH", "Greta Holm",     "greta.holm@lumenparcel.example",    "user",  "Engineering manager",       "Europe/Oslo",       1},
    {"PUHIROT", "Hiro Tanaka",    "hiro.tanaka@lumenparcel.example",   "user",  "Payments engineer",         "Asia/Tokyo",        1},
    {"PUINESD", "Ines Duarte",    "ines.duarte@lumenparcel.example",   "admin", "Head of infrastructure",    "Europe/Lisbon",     0},
    {"PUJONAM", "Jonas Meyer",    "jonas.meyer@lumenparcel.example",   "owner", "Chief technology officer",  "Europe/Berlin",     1},
    {"PUTRIAG", "Triage service", "triaged@lumenparcel.example",       "user",  "Automation account",        "Etc/UTC",           0},
};

const struct c_team company_teams[N_TEAMS] = {
    {"PTPLATF", "Platform",  "Databases, messaging and everything below the applications"},
    {"PTPRODU", "Commerce",  "What customers and shops touch"},
};

const struct c_policy company_policies[N_POLICIES] = {
    {"PEPLATF", "Platform 24x7", "Databases and messaging, day and night", 0, 2, {
        {"PRPLAT1", 15, "PSCPLAT", "Platform primary", {0, -1}},
        {"PRPLAT2", 20, "PSCPLA2", "Platform secondary", {2, -1}},
        {"PRPLAT3", 30, NULL, NULL, {8, -1}}}},
    {"PECOMME", "Commerce 24x7", "Applications that customers wait for", 1, 2, {
        {"PRCOMM1", 10, "PSCCOMM", "Commerce primary", {4, -1}},
        {"PRCOMM2", 15, "PSCCOM2", "Commerce secondary", {5, 1}},
        {"PRCOMM3", 30, NULL, NULL, {6, -1}}}},
    {"PEPAYME", "Payments office hours", "Money first, in daylight", 1, 1, {
        {"PRPAYM1", 30, "PSCPAYM", "Payments primary", {7, -1}},
        {"PRPAYM2", 30, NULL, NULL, {6, -1}},
        {"PRPAYM3", 60, NULL, NULL, {9, -1}}}},
};

#define ALERTS "https://alerts.lumenparcel.example/#/alerts?receiver="
const struct c_service company_services[N_SERVICES] = {
    {"PSTRACK", "Tracking API",    "Where a parcel is, for people and shops",      1, 1, "PITRACK", "Prometheus",  "Prometheus Alertmanager", ALERTS "tracking"},
    {"PSLABEL", "Label Service",   "Prints and stores shipping labels",            1, 1, "PILABEL", "Prometheus",  "Prometheus Alertmanager", ALERTS "label"},
    {"PSROUTE", "Route Planner",   "Plans the day's tours",                        1, 1, "PIROUTE", "Prometheus",  "Prometheus Alertmanager", ALERTS "route"},
    {"PSPAYME", "Payments",        "Cards, invoices, refunds",                     2, 1, "PIPAYME", "Datadog",     "Datadog",                 "https://app.datadog.example/monitors/payments"},
    {"PSORDER", "Order Intake",    "Takes parcels in from shops",                  1, 1, "PIORDER", "Prometheus",  "Prometheus Alertmanager", ALERTS "order"},
    {"PSPARDB", "Parcel Database", "PostgreSQL, one primary and two replicas",     0, 0, "PIPARDB", "Prometheus",  "Prometheus Alertmanager", ALERTS "db"},
    {"PSEVBUS", "Event Bus",       "Kafka, three brokers",                         0, 0, "PIEVBUS", "Prometheus",  "Prometheus Alertmanager", ALERTS "bus"},
    {"PSCUWEB", "Customer Web",    "The pages that customers see",                 1, 1, "PICUWEB", "Synthetics",  "Web checks",              "https://checks.lumenparcel.example/"},
};

const struct c_dep company_deps[N_DEPS] = {
    {"DWEBTRAC00000001", 7, 0}, {"DWEBORDE00000002", 7, 4}, {"DTRACPDB00000003", 0, 5}, {"DTRACBUS00000004", 0, 6},
    {"DORDEPAY00000005", 4, 3}, {"DORDEPDB00000006", 4, 5}, {"DORDEBUS00000007", 4, 6}, {"DLABEPDB00000008", 1, 5},
    {"DROUTBUS00000009", 2, 6}, {"DPAYMPDB00000010", 3, 5}, {"DORDELAB00000011", 4, 1},
};

const struct c_priority company_priorities[N_PRIORITIES] = {
    {"PPRIO01", "P1", "Parcels stop moving; customers and press notice"},
    {"PPRIO02", "P2", "A product is broken for many customers"},
    {"PPRIO03", "P3", "Degraded, but people can work around it"},
    {"PPRIO04", "P4", "Minor, can wait for the working day"},
    {"PPRIO05", "P5", "Cosmetic"},
};

const struct c_field company_fields[N_FIELDS] = {
    {"PFENVIR", "environment", "Environment", "Where it happens",       "single_value_fixed", ",production,staging,"},
    {"PFREGIO", "region",      "Region",      "Data centre or country", "single_value",       NULL},
};

#define RUN "https://wiki.lumenparcel.example/runbooks/"
const struct c_symptom company_symptoms[N_SYMPTOMS] = {
    {0, "Tracking API p99 latency above %d ms",              "critical", "http_request_duration_seconds", "1.5",  RUN "tracking-latency", 30,
     {"Rolled tracking-api back to the previous build; p99 fell within two minutes.", "Added two pods and restarted the slow one; cache was cold."}},
    {0, "Tracking API 5xx rate %d per minute",               "critical", "http_5xx_rate",                 "20",   RUN "tracking-5xx",     10,
     {"Upstream replica was lagging; pointed reads at the primary until it caught up.", "Bad deploy. Rolled back, error rate is zero again."}},
    {0, "Tracking API pod restarted %d times",               "warning",  "kube_pod_restarts",             "3",    RUN "pod-restarts",     70,
     {"Raised the memory limit to 768Mi; leak is tracked as TRK-311.", "Restarted the deployment, image pull had failed."}},
    {1, "Label Service queue has %d waiting labels",         "error",    "label_queue_length",            "500",  RUN "label-queue",      40,
     {"Two workers were stuck on a corrupt PDF; removed job from the queue and restarted them.", "Scaled label workers from 4 to 8."}},
    {1, "Label Service disk is %d %% full",                  "warning",  "node_filesystem_used",          "85",   RUN "label-disk",       20,
     {"Removed rendered labels older than 30 days from the volume.", "Grew the label volume by 50 GB."}},
    {1, "Printer gateway unreachable from %d depots",        "critical", "printer_gateway_up",            "1",    RUN "printer-gateway",  15,
     {"VPN tunnel was down; renewed its certificate.", "Provider outage, switched depots to the LTE router."}},
    {2, "Route Planner run %d is late",                      "error",    "planner_run_duration",          "900",  RUN "planner-late",     50,
     {"Map import had doubled the edges; reloaded yesterday's map.", "Killed the hung solver; next run finished in time."}},
    {2, "Route Planner consumer lag above %d",               "warning",  "kafka_consumer_lag",            "10000", RUN "consumer-lag",    75,
     {"Rebalanced the consumer group by restarting one consumer.", "Lag came from a bulk import; waited for it to drain."}},
    {3, "Payment provider timeouts: %d in 5 minutes",        "critical", "psp_timeouts",                  "10",   RUN "psp-timeouts",     25,
     {"Provider confirmed an outage; switched card traffic to the second provider.", "Raised the connection pool from 20 to 40 and restarted payments."}},
    {3, "Refund job %d failed",                              "error",    "refund_job_failed",             "1",    RUN "refund-job",        5,
     {"Ledger lock was held by a forgotten session; ended it and re-ran the job.", "Re-ran the job after the nightly backup had finished."}},
    {3, "Card authorisation rate fell to %d %%",             "critical", "auth_rate",                     "92",   RUN "auth-rate",        20,
     {"3-D Secure certificate had expired; installed the new one.", "Issuer problem in one country; nothing to do, told support."}},
    {4, "Order Intake error rate %d per minute",             "critical", "http_5xx_rate",                 "15",   RUN "order-errors",     20,
     {"Reverted the schema change of the order table.", "Restarted order-intake; connections to the database were stale."}},
    {4, "Order Intake rejects shop %d",                      "warning",  "shop_rejections",               "5",    RUN "shop-rejections",  35,
     {"Shop sent a malformed feed; asked them to fix it and muted the check.", "Raised the field limit for the shop's reference."}},
    {4, "Order Intake backlog of %d parcels",                "error",    "intake_backlog",                "2000", RUN "intake-backlog",   55,
     {"Event Bus was slow; backlog drained after broker 2 was restarted.", "Scaled order-intake to 12 pods."}},
    {5, "Parcel Database connections at %d %%",              "critical", "pg_stat_activity_count",        "90",   RUN "db-connections",   25,
     {"Ended idle transactions of the reporting job and lowered its pool.", "Restarted pgbouncer; connections fell to 40 %."}},
    {5, "Parcel Database replica lag %d s",                  "error",    "pg_replication_lag",            "30",   RUN "db-replica-lag",   65,
     {"Long vacuum on the parcels table; postponed it to the night.", "Replica disk was slow; moved it to the other host."}},
    {5, "Parcel Database disk will be full in %d hours",     "warning",  "predict_linear_disk",           "24",   RUN "db-disk",          10,
     {"Dropped partitions older than 400 days.", "Removed an abandoned replication slot that held WAL."}},
    {5, "Parcel Database deadlocks: %d per minute",          "error",    "pg_deadlocks",                  "5",    RUN "db-deadlocks",     30,
     {"Two jobs updated parcels in opposite order; paused the cleanup job.", "Rolled label-service back, its new batch update caused the locks."}},
    {6, "Event Bus under-replicated partitions: %d",         "critical", "kafka_underreplicated",         "1",    RUN "kafka-isr",        45,
     {"Broker 3 had a full disk; removed old segments and restarted it.", "Restarted broker 1 after its network card was replaced."}},
    {6, "Event Bus broker %d is down",                       "critical", "kafka_broker_up",               "1",    RUN "kafka-broker",     15,
     {"Kernel update rebooted the host; broker rejoined after a manual start.", "Out of memory; raised the heap to 6 GB."}},
    {6, "Event Bus produce latency %d ms",                   "warning",  "kafka_produce_latency",         "200",  RUN "kafka-latency",    60,
     {"Throttled the analytics replay.", "Moved the leader of parcels-7 to broker 2."}},
    {7, "Customer Web check failed from %d locations",       "critical", "probe_success",                 "2",    RUN "web-check",        35,
     {"CDN served a broken bundle; purged it.", "Tracking API was down; recovered with it."}},
    {7, "Customer Web first paint %d ms",                    "warning",  "web_first_paint",               "3000", RUN "web-paint",        60,
     {"Disabled the new banner script.", "CDN region was degraded; nothing to do."}},
    {7, "Customer Web certificate expires in %d days",       "warning",  "probe_ssl_days",                "14",   RUN "web-cert",          0,
     {"Renewed the certificate by hand; the robot's account had lost its rights.", "Fixed the DNS record, the renewal robot went through."}},
};

const struct c_change company_changes[N_CHANGES] = {
    {0, "Deploy tracking-api build %d",                 "ci/tracking-api"},
    {1, "Deploy label-service build %d",                "ci/label-service"},
    {2, "Map import %d loaded",                         "planner/import"},
    {3, "Deploy payments build %d",                     "ci/payments"},
    {3, "Feature flag second_provider changed (rev %d)", "flags"},
    {4, "Deploy order-intake build %d",                 "ci/order-intake"},
    {5, "Schema migration %d applied",                  "migrations"},
    {5, "pgbouncer configuration revision %d",          "ansible"},
    {6, "Kafka broker rolling restart %d",              "ansible"},
    {7, "Deploy customer-web build %d",                 "ci/customer-web"},
};
/* clang-format on */

int company_user(const char *id_or_email)
{
    for (int i = 0; id_or_email != NULL && i < N_USERS; i++)
        if (strcmp(company_users[i].id, id_or_email) == 0 ||
            strcasecmp(company_users[i].email, id_or_email) == 0)
            return i;
    return -1;
}

int company_service(const char *id_or_name)
{
    for (int i = 0; id_or_name != NULL && i < N_SERVICES; i++)
        if (strcmp(company_services[i].id, id_or_name) == 0 ||
            strcasecmp(company_services[i].name, id_or_name) == 0)
            return i;
    return -1;
}

int company_policy(const char *id)
{
    for (int i = 0; id != NULL && i < N_POLICIES; i++)
        if (strcmp(company_policies[i].id, id) == 0)
            return i;
    return -1;
}

int company_priority(const char *id_or_name)
{
    for (int i = 0; id_or_name != NULL && i < N_PRIORITIES; i++)
        if (strcmp(company_priorities[i].id, id_or_name) == 0 ||
            strcasecmp(company_priorities[i].name, id_or_name) == 0)
            return i;
    return -1;
}

int company_team(const char *id)
{
    for (int i = 0; id != NULL && i < N_TEAMS; i++)
        if (strcmp(company_teams[i].id, id) == 0)
            return i;
    return -1;
}
