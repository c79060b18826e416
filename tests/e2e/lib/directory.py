"""OpenLDAP's slapd with a few people in it, on a free port."""
import os
import subprocess

from . import env
from .ports import free_port

CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {directory}/slapd.pid
{tls}
allow bind_anon_cred bind_anon_dn
database mdb
suffix "dc=example,dc=net"
rootdn "cn=admin,dc=example,dc=net"
rootpw secret
directory {directory}/data
maxsize 16777216
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=net" read by * none
"""

PEOPLE = """
dn: dc=example,dc=net
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=reader,dc=example,dc=net
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: read it

dn: ou=users,dc=example,dc=net
objectClass: organizationalUnit
ou: users
"""

PERSON = """
dn: cn={cn},ou=users,dc=example,dc=net
objectClass: inetOrgPerson
cn: {cn}
sn: {sn}
uid: {uid}
mail: {uid}@mail.example
employeeType: {kind}
userPassword: {password}
"""


def address_certificate(directory):
    """For 127.0.0.1."""
    certificate, key = f"{directory}/ldap-cert.pem", f"{directory}/ldap-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", "/CN=directory", "-addext",
         "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True)
    return certificate, key


class Directory:
    """`people`: (uid, password, kind); `ldif`: all that there is, instead; `more`: lines for its
    configuration."""

    def __init__(self, directory, people, certificate=None, ldif=None, more=""):
        self.directory = str(directory)
        self.port, self.tls_port = free_port(), free_port()
        os.mkdir(f"{self.directory}/data")
        tls = ""
        if certificate:
            tls = f"TLSCertificateFile {certificate[0]}\nTLSCertificateKeyFile {certificate[1]}"
        self._write("slapd.conf", CONF.format(directory=self.directory, tls=tls + more))
        self._write("people.ldif", ldif or PEOPLE + self._people(people))
        subprocess.run(["slapadd", "-f", f"{self.directory}/slapd.conf", "-l",
                        f"{self.directory}/people.ldif"], check=True, capture_output=True)
        self.urls = f"ldap://127.0.0.1:{self.port}"
        if certificate:
            self.urls += f" ldaps://127.0.0.1:{self.tls_port}"
        self.process = None
        self.start()

    @staticmethod
    def _people(people):
        return "".join(
            PERSON.format(cn=f"The {uid}", sn=uid, uid=uid, password=password, kind=kind)
            for uid, password, kind in people)

    def _write(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        self.process = subprocess.Popen(
            ["slapd", "-d", "0", "-f", f"{self.directory}/slapd.conf", "-h", self.urls],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(int(env.DEADLINE / 0.05)):
            done = subprocess.run(
                ["ldapwhoami", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D",
                 "cn=admin,dc=example,dc=net", "-w", "secret"], capture_output=True, check=False)
            if done.returncode == 0:
                return
            try:
                self.process.wait(timeout=0.05)
                break
            except subprocess.TimeoutExpired:
                pass
        raise AssertionError("slapd does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=env.DEADLINE)

    def add(self, people):
        subprocess.run(
            ["ldapadd", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D",
             "cn=admin,dc=example,dc=net", "-w", "secret"], text=True,
            input=self._people(people), check=True, capture_output=True)

    def set_password(self, dn, password):
        subprocess.run(
            ["ldappasswd", "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D",
             "cn=admin,dc=example,dc=net", "-w", "secret", "-s", password, dn],
            check=True, capture_output=True)
