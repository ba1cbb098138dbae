"""What every domain needs: a type, a name, a machine, memory and vCPUs that libvirt can read."""
