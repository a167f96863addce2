// A stack's life as gophercloud sees it, the library below Terraform's provider: its types say which value must be what.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/apiversions"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/buildinfo"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/resourcetypes"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/stackevents"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/stackresources"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/stacks"
	"github.com/gophercloud/gophercloud/openstack/orchestration/v1/stacktemplates"
	"github.com/gophercloud/gophercloud/pagination"
)

const text = `heat_template_version: 2018-08-31
parameters:
  greeting: {type: string, default: hello}
  length: {type: number, default: 4}
outputs:
  said: {value: {get_attr: [text, output]}}
resources:
  text: {type: OS::Heat::TestResource, properties: {value: {get_param: greeting}}}
  random: {type: OS::Heat::RandomString, properties: {length: {get_param: length}}}
`
const child = "heat_template_version: 2018-08-31\nresources: {inner: {type: OS::Heat::RandomString}}\n"

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(what string, seen, wanted interface{}) {
	if !reflect.DeepEqual(seen, wanted) {
		panic(fmt.Sprintf("%s: %#v instead of %#v", what, seen, wanted))
	}
}

func settled(client *gophercloud.ServiceClient, name, id, wanted string) *stacks.RetrievedStack {
	for i := 0; i < 200; i++ {
		stack, err := stacks.Get(client, name, id).Extract()
		must(err)
		if stack.Status == wanted {
			return stack
		}
		if strings.HasSuffix(stack.Status, "FAILED") {
			panic(stack.Status + " " + stack.StatusReason)
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic(name + " does not become " + wanted)
}

func names(client *gophercloud.ServiceClient, stack *stacks.RetrievedStack, depth int) []string {
	page, err := stackresources.List(client, stack.Name, stack.ID, stackresources.ListOpts{Depth: depth}).AllPages()
	must(err)
	resources, err := stackresources.ExtractResources(page)
	must(err)
	found := []string{}
	for _, resource := range resources {
		found = append(found, resource.Name)
	}
	sort.Strings(found)
	return found
}

func main() {
	provider, err := openstack.AuthenticatedClient(gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"),
		Username:         os.Getenv("OS_USERNAME"),
		Password:         os.Getenv("OS_PASSWORD"),
		DomainID:         os.Getenv("OS_USER_DOMAIN_ID"),
		TenantName:       os.Getenv("OS_PROJECT_NAME"),
	})
	must(err)
	client, err := openstack.NewOrchestrationV1(provider, gophercloud.EndpointOpts{Region: os.Getenv("OS_REGION_NAME")})
	must(err)

	page, err := apiversions.ListVersions(client).AllPages()
	must(err)
	versions, err := apiversions.ExtractAPIVersions(page)
	must(err)
	check("versions", versions[0].ID, "v1.0")
	_, err = buildinfo.Get(client).Extract()
	must(err)

	checked, err := stacktemplates.Validate(client, stacktemplates.ValidateOpts{Template: text}).Extract()
	must(err)
	check("validated", checked.Parameters["greeting"].(map[string]interface{})["Type"], "String")

	folder, err := os.MkdirTemp("", "gophercloud")
	must(err)
	defer os.RemoveAll(folder)
	must(os.Chdir(folder))
	must(os.WriteFile(filepath.Join(folder, "child.yaml"), []byte(child), 0o600))
	whole := filepath.Join(folder, "main.yaml")
	must(os.WriteFile(whole, []byte(text+"  child: {type: child.yaml}\n"), 0o600))
	template := func() *stacks.Template {
		return &stacks.Template{TE: stacks.TE{URL: "file://" + whole}}
	}
	environment := &stacks.Environment{TE: stacks.TE{Bin: []byte("parameter_defaults: {length: 5}\n")}}

	alone := &stacks.Template{TE: stacks.TE{Bin: []byte(text)}}
	previewed, err := stacks.Preview(client, stacks.PreviewOpts{Name: "go-preview", Timeout: 30, TemplateOpts: alone}).Extract()
	must(err)
	check("previewed", len(previewed.Resources), 2)

	yes := true
	made, err := stacks.Create(client, stacks.CreateOpts{
		Name: "go", TemplateOpts: template(), EnvironmentOpts: environment, DisableRollback: &yes, Timeout: 30,
		Parameters: map[string]interface{}{"greeting": "hi"}, Tags: []string{"a", "b"},
	}).Extract()
	must(err)
	stack := settled(client, "go", made.ID, "CREATE_COMPLETE")
	check("outputs", stack.Outputs[0]["output_value"], "hi")
	check("parameters", []string{stack.Parameters["greeting"], stack.Parameters["length"]}, []string{"hi", "5"})
	check("tags", stack.Tags, []string{"a", "b"})
	check("timeout and rollback", []interface{}{stack.Timeout, stack.DisableRollback}, []interface{}{30, true})
	found, err := stacks.Find(client, made.ID).Extract()
	must(err)
	check("found by its id", found.Name, "go")

	check("resources", names(client, stack, 0), []string{"child", "random", "text"})
	check("nested resources", names(client, stack, 2), []string{"child", "inner", "random", "text"})
	resource, err := stackresources.Get(client, "go", stack.ID, "text").Extract()
	must(err)
	check("resource", resource.Type, "OS::Heat::TestResource")
	_, err = stackresources.Metadata(client, "go", stack.ID, "text").Extract()
	must(err)

	page, err = stackevents.List(client, "go", stack.ID, stackevents.ListOpts{SortDir: stackevents.SortAsc}).AllPages()
	must(err)
	events, err := stackevents.ExtractEvents(page)
	must(err)
	check("first event", events[0].ResourceStatus, "CREATE_IN_PROGRESS")
	// Not AllPages: Heat has no empty page of a resource's events, it says that there are none.
	must(stackevents.ListResourceEvents(client, "go", stack.ID, "text", nil).EachPage(func(page pagination.Page) (bool, error) {
		events, err = stackevents.ExtractResourceEvents(page)
		return false, err
	}))
	event, err := stackevents.Get(client, "go", stack.ID, "text", events[0].ID).Extract()
	must(err)
	check("event", event.ResourceName, "text")

	types, err := resourcetypes.List(client, resourcetypes.ListOpts{NameRegex: "OS::Nova::Server$", WithDescription: true}).Extract()
	must(err)
	check("types", types[0].ResourceType, "OS::Nova::Server")
	_, err = resourcetypes.GetSchema(client, "OS::Nova::Server").Extract()
	must(err)
	_, err = resourcetypes.GenerateTemplate(client, "OS::Nova::Server", nil).Extract()
	must(err)
	body, err := stacktemplates.Get(client, "go", stack.ID).Extract()
	must(err)
	check("template", strings.Contains(string(body), "OS::Heat::RandomString"), true)

	must(stacks.Update(client, "go", stack.ID, stacks.UpdateOpts{
		TemplateOpts: template(), Parameters: map[string]interface{}{"greeting": "ho"},
	}).ExtractErr())
	check("changed", settled(client, "go", stack.ID, "UPDATE_COMPLETE").Outputs[0]["output_value"], "ho")
	must(stacks.UpdatePatch(client, "go", stack.ID, stacks.UpdateOpts{
		Parameters: map[string]interface{}{"greeting": "hey"},
	}).ExtractErr())
	for i := 0; i < 100 && settled(client, "go", stack.ID, "UPDATE_COMPLETE").Outputs[0]["output_value"] != "hey"; i++ {
		time.Sleep(100 * time.Millisecond)
	}
	check("patched", settled(client, "go", stack.ID, "UPDATE_COMPLETE").Outputs[0]["output_value"], "hey")
	must(stackresources.MarkUnhealthy(client, "go", stack.ID, "text", stackresources.MarkUnhealthyOpts{MarkUnhealthy: true}).ExtractErr())

	left, err := stacks.Abandon(client, "go", stack.ID).Extract()
	must(err)
	check("abandoned", left.Status, "COMPLETE")
	again, err := stacks.Create(client, stacks.CreateOpts{Name: "go-again", TemplateOpts: alone}).Extract()
	must(err)
	settled(client, "go-again", again.ID, "CREATE_COMPLETE")
	must(stacks.Delete(client, "go-again", again.ID).ExtractErr())
	_, err = stacks.Get(client, "go-none", again.ID).Extract()
	if _, ok := err.(gophercloud.ErrDefault404); !ok {
		panic(fmt.Sprint("not found: ", err))
	}
	fmt.Println("done")
}
