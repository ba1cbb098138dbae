"""XML of programs other than libvirt, written for the tests; some of it has a root element that libvirt has, too."""

# Each has the root element <domain> or <domains>.
DOMAINS = {
    "glassfish": """<domain log-root="${com.sun.aas.instanceRoot}/logs" version="10.0">
  <security-configurations><authorization-service default="true" name="authz"/></security-configurations>
  <system-applications/>
  <resources><jdbc-resource jndi-name="jdbc/__default" pool-name="Pool"/></resources>
  <servers><server name="server" config-ref="server-config"/></servers>
  <configs><config name="server-config"><http-service><access-log/></http-service></config></configs>
  <property name="administrative.domain.name" value="domain1"/>
</domain>""",
    "wildfly": """<?xml version='1.0' encoding='UTF-8'?>
<domain xmlns="urn:jboss:domain:20.0">
  <extensions><extension module="org.jboss.as.logging"/></extensions>
  <management><access-control provider="simple"/></management>
  <profiles><profile name="default"><subsystem xmlns="urn:jboss:domain:logging:8.0"/></profile></profiles>
  <interfaces><interface name="public"/></interfaces>
</domain>""",
    "data-model": '<domain xmlns="http://example.org/model" version="1"><concept name="order"/></domain>',
    "protein": '<domain type="SH3"><start>84</start><end>145</end></domain>',
    "ontology": "<domain><name>Biology</name><concept/><relation/></domain>",
    "prefixed": '<m:domain xmlns:m="urn:m"><m:zone/></m:domain>',
    "registrar": "<domains><domain><registrar>r</registrar><expires>2030-01-01</expires></domain></domains>",
    "hosting": "<domains><zone>example.org</zone></domains>",
}
OTHERS = {
    "maven": """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>a</artifactId><version>1</version>
  <build><resources><resource><directory>src</directory></resource></resources></build>
</project>""",
    "spring": """<beans xmlns="http://www.springframework.org/schema/beans"
       xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
       xsi:schemaLocation="http://www.springframework.org/schema/beans spring-beans.xsd">
  <bean id="memory" class="org.example.Memory"><property name="size" value="1"/></bean>
</beans>""",
    "android-manifest": """<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="org.example">
  <application android:label="@string/name"><activity android:name=".Main"/></application>
</manifest>""",
    "android-strings": '<resources><string name="domain">&lt;domain type="kvm"&gt;</string></resources>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>a disk</title><circle r="4"/></svg>',
    "rss": """<rss version="2.0"><channel><title>News</title><link>https://example.org</link>
  <item><category domain="https://example.org/tags">libvirt</category></item></channel></rss>""",
    "msbuild": """<Project Sdk="Microsoft.NET.Sdk" DefaultTargets="Build">
  <PropertyGroup><OutputType>Exe</OutputType></PropertyGroup>
</Project>""",
    "hibernate": """<?xml version="1.0"?>
<!DOCTYPE hibernate-mapping PUBLIC "-//Hibernate/Hibernate Mapping DTD 3.0//EN"
  "http://www.hibernate.org/dtd/hibernate-mapping-3.0.dtd">
<hibernate-mapping package="org.example"><class name="Disk"><id name="id"/></class></hibernate-mapping>""",
    "xhtml": """<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>a</title></head><body><p>a&nbsp;b</p></body></html>""",
    "plist": """<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>domain</key><true/></dict></plist>""",
    "dtd-inside": "<!DOCTYPE note [<!ELEMENT note (#PCDATA)><!ENTITY e '<domain/>'>]><note>&e;</note>",
    "xslt": """<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/domain"><domain type="kvm"><name/></domain></xsl:template>
</xsl:stylesheet>""",
    "terraform-xslt-result": '<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?><!-- <domain> --><catalog/>',
    "ant": '<project name="vm" default="run"><target name="run"><echo message="virsh define"/></target></project>',
    "tomcat": '<Server port="8005" shutdown="SHUTDOWN"><Service name="Catalina"/></Server>',
    "junit": '<testsuites><testsuite name="domain" tests="1"><testcase name="a"/></testsuite></testsuites>',
    "openvpn-profile": '<profile xmlns="http://www.suse.com/1.0/yast2ns"><general/></profile>',
    "dbus": "<node><interface name='org.example.Domain'><method name='Start'/></interface></node>",
}
# What libvirt reads, but not as a domain.
OF_LIBVIRT = {
    "network": "<network><name>default</name><domain name='example.org' localOnly='yes'/></network>",
    "nwfilter": "<filter name='no-arp' chain='arp'><rule action='drop' direction='out'/></filter>",
    "pool": "<pool type='dir'><name>images</name><target><path>/srv/images</path></target></pool>",
    "volume": "<volume><name>a.qcow2</name><capacity unit='GiB'>1</capacity></volume>",
    "secret": "<secret ephemeral='no'><usage type='volume'><volume>/srv/a.qcow2</volume></usage></secret>",
    "capabilities": "<capabilities><guest><os_type>hvm</os_type><arch name='x86_64'><domain type='kvm'/></arch></guest>"
    "</capabilities>",
}
# What no parser accepts, such as templates that only become XML.
MALFORMED = {
    "unclosed": "<project><module></project>",
    "two-roots": "<entry/><entry/>",
    "html": "<html><body><p>one<p>two</body></html>",
    "template": "{% for host in hosts %}<host name={{ host }}>{% endfor %}",
    "empty": "\n",
    "no-xml": "name: domain\n",
}
