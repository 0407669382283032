"""The real Prometheus of Debian 12, unpacked below build/ without being installed: installing it would start a service on all addresses."""
import glob
import os
import shutil
import subprocess
import time
import urllib.request

from tests.lib.world import TOP, free_port, wait_for

FOLDER = os.path.join(TOP, "build", "prometheus")


def binary():
    """A prometheus in the path, or the one of Debian's package."""
    found = shutil.which("prometheus")
    own = os.path.join(FOLDER, "root", "usr", "bin", "prometheus")
    if found or os.path.exists(own):
        return found or own
    os.makedirs(FOLDER, exist_ok=True)
    for package in glob.glob(os.path.join(FOLDER, "*.deb")):
        os.remove(package)
    subprocess.run(["apt-get", "download", "prometheus"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["dpkg", "-x", glob.glob(os.path.join(FOLDER, "*.deb"))[0], os.path.join(FOLDER, "root")], check=True)
    return own


CONFIG = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["127.0.0.1:%d"], labels: {service: Tracking API}}]
"""
RULES = """
groups:
  - name: tests
    rules:
      - alert: AlwaysFiring
        expr: vector(1) > 0
        labels: {severity: page}
        annotations: {summary: "fires for the tests"}
"""


class Prometheus:
    """One on loopback that scrapes itself. Ends only what it started."""

    def __init__(self, folder):
        self.folder, self.port, self.proc = folder, free_port(), None
        self.url = "http://127.0.0.1:%d" % self.port

    def start(self):
        for name, text in (("prometheus.yml", CONFIG % self.port), ("rules.yml", RULES)):
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)
        with open(os.path.join(self.folder, "prometheus.log"), "wb") as log:
            self.proc = subprocess.Popen([binary(), "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
                                          "--web.listen-address=127.0.0.1:%d" % self.port], cwd=self.folder, stdout=log,
                                         stderr=log, stdin=subprocess.DEVNULL)

        def scraped():
            """Prometheus has scraped itself and an alert fires"""
            assert self.proc.poll() is None, "prometheus ended at start"
            try:
                with urllib.request.urlopen(self.url + "/api/v1/query?query=count(ALERTS)*count(up==1)", timeout=2) as r:
                    return b'"value"' in r.read()
            except OSError:
                return False

        wait_for(scraped, 40, every=0.2)
        time.sleep(1.2)
        return self

    def stop(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait(20)
            self.proc = None
